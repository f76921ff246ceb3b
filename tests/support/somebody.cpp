#include "tests/support/somebody.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "tests/support/daemon_process.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;

void own(const fs::path& path) {
  if (::lchown(path.c_str(), kSomebody, kSomebody) == 0) return;
  throw std::system_error(errno, std::generic_category(), "give away " + path.string());
}

}  // namespace

std::vector<std::string> as_somebody(std::vector<std::string> command) {
  const std::string id = std::to_string(kSomebody);
  command.insert(command.begin(), {"setpriv", "--reuid", id, "--regid", id, "--clear-groups"});
  return command;
}

Finished run_as_somebody(const ProjectFixture& project, std::vector<std::string> command) {
  ChildSpec spec;
  spec.argv = as_somebody(std::move(command));
  spec.directory = project.root();
  return run_to_end(std::move(spec));
}

void give_to_somebody(const ProjectFixture& project) {
  for (const auto& entry : fs::recursive_directory_iterator(project.root())) own(entry.path());
  own(project.root());
  own(fs::path(project.root()).parent_path());
}

std::string daemon_for_somebody(const ProjectFixture& project) {
  if (run_as_somebody(project, {"test", "-x", daemon_binary()}).code == 0) return daemon_binary();
  const fs::path built = fs::path(daemon_binary()).parent_path();
  for (const auto* name : {"charter-daemon", "charter-worker"}) {
    fs::copy_file(built / name, project.scratch(name));
  }
  return project.scratch("charter-daemon");
}

}  // namespace charter::tests
