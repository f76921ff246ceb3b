#include "ipc/browser.h"

#include <signal.h>
#include <spawn.h>

#include <vector>

#include "ipc/clean_world.h"

namespace charter::ipc {

bool open_in_browser(const std::string& url) {
  std::vector<std::string> variables = clean_environment();
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::string program = "xdg-open";
  std::string address = url;
  char* const arguments[] = {program.data(), address.data(), nullptr};
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  sigset_t none;
  ::sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  pid_t child = 0;
  const int failed =
      posix_spawnp(&child, program.c_str(), nullptr, &attributes, arguments, environment.data());
  posix_spawnattr_destroy(&attributes);
  return failed == 0;
}

}  // namespace charter::ipc
