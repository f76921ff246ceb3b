// What is left of a log before it leaves the host.
#include "supervisor/doctor/scrubber.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "supervisor/doctor/doctor.h"

namespace charter::supervisor {
namespace {

Scrubber scrubber_for(std::vector<std::string> arguments) {
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  Subject subject;
  subject.values = ipc::read_options(doctor_command(), words).value();
  return Scrubber(subject);
}

struct SecretVariable {
  SecretVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~SecretVariable() { ::unsetenv(name_); }
  const char* name_;
};

TEST(Scrubber, TakesOutWhatItKnowsWhereverItStands) {
  const SecretVariable secret("APP_API_KEY", "k3y-of-\"an\"-app");
  const SecretVariable proxy("https_proxy", "http://user:pr0xy-pass@proxy:1");
  const SecretVariable path("MY_TOKEN_FILE", "/etc/charter/token");
  const auto scrubber = scrubber_for({"--gateway", "http://me:ur1-pass@gw.example"});
  EXPECT_EQ(scrubber.clean("a k3y-of-\"an\"-app b"), "a <removed> b");
  EXPECT_EQ(scrubber.clean(R"({"x":"k3y-of-\"an\"-app"})"), R"({"x":"<removed>"})");
  EXPECT_EQ(scrubber.clean("user:pr0xy-pass pr0xy-pass"), "<removed> <removed>");
  EXPECT_EQ(scrubber.clean("http://me:ur1-pass@gw"), "http://<removed>@gw");
  EXPECT_EQ(scrubber.clean("Basic bWU6dXIxLXBhc3M="), "Basic <removed>");
  EXPECT_EQ(scrubber.clean("/etc/charter/token"), "/etc/charter/token") << "a place is none";
}

// The three forms of the daemon's log, and lines that are not its own.
TEST(Scrubber, KeepsOfALogTheDaemonsLinesWithoutWhatTheyQuote) {
  const auto scrubber = scrubber_for({});
  EXPECT_EQ(scrubber.clean_log("2026-01-31 12:00:00,123 INFO charter: Tracking run: run_id=r1\n"
                               "another program: hello\n"
                               "2026-01-31 yesterday\n"
                               "2026-01-31 12:00:00,124 WARNING charter: Refused a run: x='1'\n"),
            "2026-01-31 12:00:00,123 INFO charter: Tracking run: run_id=r1\n"
            "2026-01-31 12:00:00,124 WARNING charter: Refused a run: <removed>\n");
  EXPECT_EQ(
      scrubber.clean_log(
          R"({"time":"2026-01-31T12:00:00.123456Z","level":"INFO","message":"a"})"
          "\n"
          R"({"time":"2026-01-31T12:00:00.123456Z","level":"INFO","message":"Refused a run: 7"})"
          "\n{\"other\":1}\n"),
      R"({"time":"2026-01-31T12:00:00.123456Z","level":"INFO","message":"a"})"
      "\n"
      R"({"time":"2026-01-31T12:00:00.123456Z","level":"INFO","message":"Refused a run: <removed>"})"
      "\n");
  EXPECT_EQ(scrubber.clean_log("<6>Connecting\n<x>no\n"), "<6>Connecting\n");
}

TEST(Scrubber, LeavesOnlyTheLengthOfARunsError) {
  const auto run = client::Fields::keep(R"({"run_id":"r1","error":"it said \"no\"","events":3})");
  EXPECT_EQ(without_errors(*run), R"({"run_id":"r1","error":"<removed: 12 bytes>","events":3})");
  const auto fine = client::Fields::keep(R"({"run_id":"r1","error":null})");
  EXPECT_EQ(without_errors(*fine), R"({"run_id":"r1","error":null})");
}

}  // namespace
}  // namespace charter::supervisor
