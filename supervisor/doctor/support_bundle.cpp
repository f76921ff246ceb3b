#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <vector>

#include "client/outcome.h"
#include "ipc/job.h"
#include "ipc/json_object.h"
#include "ipc/unique_fd.h"
#include "supervisor/doctor/bundle.h"
#include "supervisor/doctor/doctor.h"
#include "supervisor/doctor/options.h"
#include "supervisor/doctor/tar_gz.h"

namespace charter::supervisor {
namespace {

using ipc::Example;
using ipc::ExitCode;

constexpr std::array kExamples{
    Example{"charter-daemon support-bundle", "Makes a bundle in the working directory."},
    Example{"charter-daemon support-bundle -o /tmp/for-help.tar.gz",
            "Makes it elsewhere; what is there already is not overwritten."}};
constexpr std::array kCodes{ExitCode{0, "done"}, ExitCode{1, "the file cannot be made"},
                            ExitCode{2, "bad options"},
                            ExitCode{7, "standard output could not be written"}};

std::span<const ipc::OptionSpec> options() {
  static const auto all = [] {
    std::vector<ipc::OptionSpec> made{
        ipc::OptionSpec{.name = "output",
                        .letter = 'o',
                        .metavar = "FILE",
                        .help = "The file to make, with mode 0600.",
                        .shown_default = "charter-support-<time>.tar.gz here"}};
    const auto others = options_of_start_and_json();
    made.insert(made.end(), others.begin(), others.end());
    return made;
  }();
  return all;
}

std::string default_name(std::time_t now) {
  std::array<char, 64> text{};
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::strftime(text.data(), text.size(), "charter-support-%Y%m%dT%H%M%SZ.tar.gz", &parts);
  return text.data();
}

// Never through a link, and never over something.
ipc::Result<void> write_new(const std::string& path, std::string_view bytes) {
  const ipc::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return ipc::errno_error("make " + path);
  if (ipc::write_all(file.get(), bytes)) return {};
  auto error = ipc::errno_error("write " + path);
  ::unlink(path.c_str());
  return error;
}

std::string made_json(const std::string& path, std::size_t size,
                      const std::vector<BundleFile>& files) {
  ipc::JsonArray names;
  for (const BundleFile& file : files) names.text(file.name);
  return ipc::JsonObject()
             .text("file", path)
             .number("bytes", static_cast<std::int64_t>(size))
             .raw("entries", names.str())
             .str() +
         "\n";
}

}  // namespace

const ipc::CommandSpec& support_bundle_command() {
  static const ipc::CommandSpec command{
      .name = "support-bundle",
      .summary = "Collect what a helper needs to see, without secrets",
      .description =
          "Makes a compressed archive with versions, what doctor, status and list say, the options "
          "of 'start', names and sizes of the daemon's files, limits and control groups, and the "
          "end of the daemon's log. Tokens, secrets, inputs and outputs of steps, artifacts and "
          "plans are not in it; README.txt in the archive says what is.\n\n"
          "It takes the options of 'start', from the same places, and works with the daemon down.",
      .options = options(),
      .examples = kExamples,
      .exit_codes = kCodes};
  return command;
}

int support_bundle_main(int argc, char** argv) {
  const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
  auto read = read_command(support_bundle_command(), arguments.subspan(2));
  if (const int* code = std::get_if<int>(&read)) return *code;
  auto& values = std::get<ipc::OptionValues>(read);
  const bool json = values.flag("json");
  const std::time_t now = ::time(nullptr);
  std::string path = values.has("output") ? values.text("output") : default_name(now);
  std::error_code ec;
  const auto absolute = std::filesystem::absolute(path, ec);
  if (!ec) path = absolute.lexically_normal().string();
  const Subject subject = look_around(std::move(values), arguments.subspan(2));
  const auto files = bundle_of(subject, examine(subject));
  TarGz archive(now);
  for (const BundleFile& file : files) archive.add("charter-support/" + file.name, file.text);
  const std::string bytes = archive.finish();
  if (const auto written = write_new(path, bytes); !written) {
    client::complain(written.error().message());
    return 1;
  }
  client::print(json ? made_json(path, bytes.size(), files) : path + "\n");
  return client::printed() ? 0 : client::kExitOther;
}

}  // namespace charter::supervisor
