// charter-daemon: one program whose first argument says which part of it runs. Each part reads its
// own options; nothing but choosing happens here.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"
#include "client/outcome.h"
#include "client/teaching.h"
#include "client/topics.h"
#include "gateway/gateway.h"
#include "ipc/clean_world.h"
#include "ipc/option_table.h"
#include "ipc/versions.h"
#include "supervisor/doctor/doctor.h"
#include "supervisor/start.h"
#include "supervisor/start_options.h"

namespace {

using charter::ipc::CommandSpec;

constexpr std::string_view kUsage =
    "Usage: charter-daemon COMMAND [ARGUMENTS]...\n"
    "       charter-daemon help COMMAND|TOPIC\n"
    "       charter-daemon --version\n";

int start_main(int argc, char** argv) {
  const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
  const CommandSpec& command = charter::supervisor::start_command();
  const auto fail = [&command](const charter::ipc::Error& error) {
    const bool usage = charter::ipc::is_usage_error(error);
    const std::string hint = usage ? charter::ipc::usage_hint(command) + "\n" : "";
    const std::string text = usage ? error.what : error.message();
    std::fprintf(stderr, "%sError: %s\n", hint.c_str(), text.c_str());
    return usage ? charter::ipc::kExitUsage : 1;
  };
  const auto values = charter::ipc::read_options(command, arguments.subspan(2));
  if (!values) return fail(values.error());
  if (values->help_asked()) {
    std::fputs(charter::ipc::help_text(command).c_str(), stdout);
    return 0;
  }
  auto options = charter::supervisor::check_start_options(*values);
  if (!options) return fail(options.error());
  for (const char* one : arguments.subspan(2)) options->arguments.emplace_back(one);
  return charter::supervisor::start(*options);
}

int gateway_main(int argc, char** argv) {
  return charter::gateway::gateway_main(argc - 1, argv + 1);
}

// A command and the part of the program that carries it out; argv[1] is the command's name.
struct Part {
  const CommandSpec* table;
  int (*main)(int argc, char** argv);
};

std::vector<Part> parts();

// Of all commands, for those that tell of them.
std::vector<const CommandSpec*> tables() {
  std::vector<const CommandSpec*> all;
  for (const Part& part : parts()) all.push_back(part.table);
  return all;
}

int manual_main(int argc, char** argv) {
  return charter::client::manual_main(tables(), argc, argv);
}

std::vector<Part> parts() {
  std::vector<Part> all{{&charter::supervisor::start_command(), start_main},
                        {&charter::gateway::gateway_command(), gateway_main}};
  for (const CommandSpec* command : charter::client::client_commands()) {
    all.push_back({command, charter::client::client_main});
  }
  all.push_back({&charter::supervisor::doctor_command(), charter::supervisor::doctor_main});
  all.push_back(
      {&charter::supervisor::support_bundle_command(), charter::supervisor::support_bundle_main});
  all.push_back({&charter::client::kCompletionTable, charter::client::completion_main});
  all.push_back({&charter::client::kManualTable, manual_main});
  return all;
}

const Part* find(const std::vector<Part>& all, std::string_view name) {
  for (const Part& part : all) {
    if (part.table->name == name) return &part;
  }
  return nullptr;
}

void print_help(std::FILE* out, const std::vector<Part>& all) {
  std::string text(kUsage);
  text +=
      "\n  The long-lived worker daemon of Charter: runs workflows, each in a process tree of\n"
      "  its own, and reports them to a gateway.\n\nCommands:\n";
  for (const Part& part : all) {
    std::string name(part.table->name);
    name.resize(16, ' ');
    text += "  " + name + std::string(part.table->summary) + "\n";
  }
  text += "\nTopics of help:\n";
  for (const charter::ipc::Topic& topic : charter::client::topics()) {
    std::string name(topic.name);
    name.resize(17, ' ');
    text += "  " + name + std::string(topic.summary) + "\n";
  }
  text +=
      "\nOptions:\n"
      "  -h, --help  Show this message and exit.\n"
      "  --version   Show the versions of the program and of its formats.\n";
  std::fputs(text.c_str(), out);
}

int print_version() {
  std::printf("charter-daemon %s\nformats:", std::string(charter::ipc::product_version()).c_str());
  const char* between = " ";
  for (const charter::ipc::FormatVersion& format : charter::ipc::format_versions()) {
    std::printf("%s%s %u", between, std::string(format.name).c_str(), format.version);
    between = ", ";
  }
  std::printf("\n");
  return 0;
}

// `topics`: whether they count as well, as behind `help`.
int unknown(const std::vector<Part>& all, std::string_view word, bool topics = false) {
  std::vector<std::string_view> names{"help"};
  for (const Part& part : all) names.push_back(part.table->name);
  if (topics) {
    for (const auto& topic : charter::client::topics()) names.push_back(topic.name);
  }
  const std::string_view meant = charter::ipc::nearest(word, names);
  std::string text = topics ? "Error: No such command or topic '" : "Error: No such command '";
  text += std::string(word) + "'.";
  if (!meant.empty()) text += " Did you mean '" + std::string(meant) + "'?";
  std::fprintf(stderr, "%sTry 'charter-daemon --help' for help.\n\n%s\n",
               std::string(kUsage).c_str(), text.c_str());
  return charter::ipc::kExitUsage;
}

// help, help COMMAND, which is COMMAND --help, or help TOPIC.
int help_main(const std::vector<Part>& all, int argc, char** argv) {
  if (argc < 3 || std::string_view(argv[2]) == "--help" || std::string_view(argv[2]) == "-h") {
    print_help(stdout, all);
    return 0;
  }
  const Part* part = find(all, argv[2]);
  if (part == nullptr) {
    for (const auto& topic : charter::client::topics()) {
      if (topic.name != argv[2]) continue;
      std::fputs(charter::ipc::topic_text(topic, tables()).c_str(), stdout);
      return 0;
    }
    return unknown(all, argv[2], true);
  }
  std::string option = "--help";
  std::array<char*, 4> arguments{argv[0], argv[2], option.data(), nullptr};
  return part->main(3, arguments.data());
}

// Of what was printed, when all of it could be.
int written(int code) {
  if (code != 0 || charter::client::printed()) return code;
  charter::client::complain("Standard output could not be written.");
  return charter::client::kExitOther;
}

int dispatch(int argc, char** argv) {
  const std::vector<Part> all = parts();
  if (argc < 2) {
    print_help(stderr, all);
    return charter::ipc::kExitUsage;
  }
  const std::string_view word = argv[1];
  if (word == "--version" || word == "version") return written(print_version());
  if (word == "--help" || word == "-h") return written(help_main(all, 2, argv));
  if (word == "help") return written(help_main(all, argc, argv));
  if (const Part* part = find(all, word)) return part->main(argc, argv);
  if (word == "complete") return charter::client::complete_main(tables(), argc, argv);
  return unknown(all, word);
}

// A closed standard descriptor would be given to the first file that is opened, and what is meant
// for people would be written into it.
void keep_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) (void)!::open("/dev/null", O_RDWR);
  }
}

}  // namespace

int main(int argc, char** argv) {
  charter::ipc::remember_world();
  keep_standard_descriptors();
  try {
    return dispatch(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "Error: %s\n", error.what());
    return 1;
  }
}
