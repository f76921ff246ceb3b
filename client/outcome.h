// How a command of the client ends.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace charter::client {

inline constexpr int kExitRunFailed = 1;  // the awaited run failed or was cancelled
inline constexpr int kExitUsage = 2;      // how the command was called
inline constexpr int kExitNoDaemon = 3;   // none serves the project
inline constexpr int kExitUnknownRun = 4;
inline constexpr int kExitRefused = 5;  // by the daemon, with a reason
inline constexpr int kExitLeft = 6;     // ended, but processes are left
inline constexpr int kExitOther = 7;
inline constexpr int kExitInterrupted = 130;

// Why a command could not do what it was asked; `message` is one line for people.
struct Failure {
  Failure() = default;
  Failure(int exit, std::string text) : exit_code(exit), message(std::move(text)) {}

  int exit_code = kExitOther;
  std::string message;
  std::string code;  // of the daemon's refusal; empty when it is none
};

template <class T>
using Expected = boost::system::result<T, Failure>;

// Needed by boost::system::result::value(); a command looks before it takes.
[[noreturn]] void throw_exception_from_error(const Failure& failure,
                                             const boost::source_location& at);

// Writes a message for people to standard error, as "Error: …" or as it is.
void complain(std::string_view message);
void tell(std::string_view message);

// Writes to standard output at once, so that a reader of a pipe sees each line as it comes.
void print(std::string_view text);
// Whether everything printed has arrived; false for a full disk or a closed pipe.
[[nodiscard]] bool printed();

}  // namespace charter::client
