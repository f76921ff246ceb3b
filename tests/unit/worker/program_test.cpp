// The program as it is built.
#include <gmock/gmock.h>

#include <array>
#include <cstdio>

#include "tests/unit/worker/driver.h"

namespace charter::worker::testing {
namespace {

using ::testing::HasSubstr;

struct Output {
  int code = -1;
  std::string text;
};

Output run(const std::string& command) {
  Output output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::array<char, 4096> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.text.append(buffer.data(), got);
  }
  const int status = ::pclose(pipe);
  output.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

TEST(Program, TellsItsVersions) {
  const Output output = run(std::string(CHARTER_WORKER) + " --version");
  EXPECT_EQ(output.code, 0);
  EXPECT_THAT(output.text, HasSubstr("charter-worker "));
  EXPECT_THAT(output.text, HasSubstr("journal 1\n"));
}

TEST(Program, SendsPeopleToTheDaemon) {
  for (const char* arguments : {"", " run", " project", " --help", " run extra"}) {
    const Output output = run("exec 3<&- 4<&-; " + std::string(CHARTER_WORKER) + arguments);
    EXPECT_EQ(output.code, 2) << arguments;
    EXPECT_THAT(output.text, HasSubstr("charter-daemon run WORKFLOW"));
  }
}

// A static program cannot look up users or hosts, convert character sets, take a locale or load
// objects: what the C library would load for it at run time is not there.
constexpr const char* kImpossible =
    "'(getaddrinfo|gethostbyname|getservbyname|getpwnam|getpwuid|getgrnam|getgrgid|iconv|"
    "iconv_open|wordexp)$'";
constexpr const char* kImpossibleForUs = "' (dlopen|setlocale|newlocale)$'";

TEST(Program, UsesNothingAStaticProgramCannotHave) {
  const std::string nm = CHARTER_NM;
  // Dynamic builds, as the sanitizers need them, name what they use as undefined.
  EXPECT_EQ(run(nm + " " + CHARTER_WORKER + " | grep ' T ' | grep -wE " + kImpossible).text, "");
  for (const char* names : {kImpossible, kImpossibleForUs}) {
    EXPECT_EQ(run(nm + " -u " + CHARTER_WORKER_ARCHIVES + " | grep -wE " + names).text, "");
  }
}

}  // namespace
}  // namespace charter::worker::testing
