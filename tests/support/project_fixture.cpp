#include "tests/support/project_fixture.h"

#include <signal.h>
#include <unistd.h>
#include <algorithm>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/support/process_table.h"
#include "tests/support/run_groups.h"
#include "tests/support/wait.h"

namespace charter::tests {

ProjectFixture::ProjectFixture()
    : root_(directory_ / "p"), mark_(std::filesystem::path(directory_.path()).filename()) {
  write_file(root_ + "/charter.yml", "name: tested\ncapabilities: {}\n");
  std::filesystem::create_directories(root_ + "/workflows");
  install_for_the_reference();
}

ProjectFixture::~ProjectFixture() {
  // A run that is being ended may fork meanwhile, so look again until nothing is left.
  (void)eventually(kSoon, [this] {
    const auto left = with_variable("TEST_MARK", mark_);
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    return left.empty();
  });
  remove_groups();
}

// Where a run under limits outlived its test, nobody else does it.
void ProjectFixture::remove_groups() const {
  if (!exists(root_ + "/.charter/daemon/groups")) return;
  (void)eventually(kSoon, [this] {
    const auto groups = groups_of(*this, "");
    for (const std::string& group : groups) {
      for (const std::string& member : lines_of(group + "/cgroup.procs")) {
        if (!member.empty()) ::kill(std::stoi(member), SIGKILL);
      }
      (void)::rmdir(group.c_str());
    }
    return groups.empty();
  });
}

// The reference daemon wants what `charter install` leaves; a file in each place satisfies it.
void ProjectFixture::install_for_the_reference() const {
  if (std::getenv("CHARTER_TEST_DAEMON") == nullptr) return;
  const std::string venv = root_ + "/.charter/.venv";
  write_file(venv + "/bin/python", "");
  write_file(venv + "/pyvenv.cfg", "version = 3.11.2\n");
  write_file(root_ + "/.charter/install-state.json", R"({"requirements": [], "workflows": []})");
}

std::vector<pid_t> ProjectFixture::processes_of(std::string_view run) const {
  const auto ours = with_variable("TEST_MARK", mark_);
  std::vector<pid_t> found;
  for (const pid_t pid : with_variable("CHARTER_RUN_ID", run)) {
    if (std::ranges::find(ours, pid) != ours.end()) found.push_back(pid);
  }
  return found;
}

std::string ProjectFixture::plan(const std::string& id) const {
  return root_ + "/workflows/" + id + "/plan.yml";
}

std::string ProjectFixture::state_file(const std::string& run) const {
  return root_ + "/.charter/runs/" + run + ".json";
}

std::string ProjectFixture::journal(const std::string& run) const {
  return root_ + "/.charter/daemon/journals/" + run + ".cj";
}

std::string ProjectFixture::add_workflow(const std::string& id, std::string_view steps,
                                         std::string_view inputs) const {
  std::string manifest = "id: " + id + "\nname: " + id + "\ndescription: of a test\nversion: '1'\n";
  manifest.append(inputs);
  write_file(root_ + "/workflows/" + id + "/manifest.yml", manifest);
  write_file(plan(id), "steps:\n" + std::string(steps));
  return plan(id);
}

std::string shell_step(std::string_view id, std::string_view command, std::string_view more) {
  std::string step = "  - id: " + std::string(id) + "\n    type: shell\n    run: |\n";
  std::istringstream lines{std::string(command)};
  for (std::string line; std::getline(lines, line);) step += "      " + line + "\n";
  std::istringstream others{std::string(more)};
  for (std::string line; std::getline(others, line);) step += "    " + line + "\n";
  return step;
}

std::string gate_step(std::string_view id) {
  return "  - id: " + std::string(id) +
         "\n    type: gate\n    show: what is asked\n    message: go on?\n";
}

std::string hold_step(std::string_view id, std::string_view file) {
  return shell_step(id, "while [ ! -e '" + std::string(file) + "' ]; do sleep 0.02; done");
}

std::string state_steps(int count) {
  std::string steps;
  for (int i = 0; i < count; ++i) {
    const auto number = std::to_string(i);
    steps += "  - {id: s" + number + ", type: state, action: get, key: k, default: x, outputs: {v" +
             number + ": string}}\n";
  }
  return steps;
}

}  // namespace charter::tests
