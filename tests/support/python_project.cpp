#include "tests/support/python_project.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/files.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDriver = R"(
import json, os, pathlib, subprocess, time

def hang():
HANG

class Backend:
    @classmethod
    def bind_backend(cls, config): return cls()
    def create_state_store(self): return States()
    def create_event_store(self): return Events()

HELD = pathlib.Path(__file__).parents[5] / "held"
HELD.mkdir(exist_ok=True)

class States:
    async def save(self, state):
        (HELD / (state.run_id + ".json")).write_text(json.dumps(state.to_dict()))
        if state.run_id.startswith("forks") and state.current_step_id is not None: hang()

    async def load(self, run_id):
        from charter_core.state import WorkflowRunState
        return WorkflowRunState.from_dict(json.loads((HELD / (run_id + ".json")).read_text()))

class Events:
    async def append(self, run_id, *, source, event, occurred_at, worker_id, worker_seq):
        while (HELD / ("stall-" + event["kind"])).exists(): time.sleep(0.01)
        with (HELD / (run_id + ".events")).open("a") as file:
            file.write(json.dumps({"seq": worker_seq, **event}) + "\n")
        return 1000 + worker_seq
)";

std::string reference() {
  const char* named = std::getenv("CHARTER_REFERENCE");
  return named == nullptr ? CHARTER_BUILD_DIR "/../reference" : named;
}

std::string reference_python() { return reference() + "/bin/python"; }

bool can_execute(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

// "python3.11", of the interpreter for which the reference's packages were installed.
std::string versioned_name() {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(reference() + "/lib", none)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("python3.")) return name;
  }
  return {};
}

// An interpreter that this user may execute, links followed; empty when there is none.
std::string interpreter() {
  if (can_execute(reference_python())) return fs::canonical(reference_python());
  const std::string name = versioned_name();
  if (name.empty()) return {};
  for (const char* directory : {"/usr/bin/", "/usr/local/bin/"}) {
    if (can_execute(directory + name)) return fs::canonical(directory + name);
  }
  return {};
}

void write_settings(const std::string& environment) {
  write_file(environment + "/pyvenv.cfg",
             "home = " + fs::path(interpreter()).parent_path().string() +
                 "\ninclude-system-site-packages = false\nversion = 3.11.2\n");
}

// An environment with the reference's packages; in the project, where a sandbox leaves it visible.
std::string stand_in(const ProjectFixture& project) {
  const std::string place = project / ".charter/toolchain";
  fs::create_directories(place + "/bin");
  fs::create_symlink(interpreter(), place + "/bin/python");
  fs::create_symlink(fs::canonical(reference() + "/lib"), place + "/lib");
  write_settings(place);
  return place + "/bin/python";
}

}  // namespace

std::string why_no_toolchain() {
  if (versioned_name().empty()) return "no toolchain; see scripts/reference";
  if (!interpreter().empty()) return {};
  return "this user may not execute " + reference_python() + ", and the system has no " +
         versioned_name();
}

void use_toolchain(DaemonOptions& options) {
  options.prepare = [](const ProjectFixture& project, DaemonOptions& changed) {
    changed.environment["CHARTER_DAEMON_TOOLCHAIN_PYTHON"] =
        can_execute(reference_python()) ? reference_python() : stand_in(project);
  };
}

void add_environment(const ProjectFixture& project) {
  const std::string venv = project / ".charter/.venv";
  fs::create_directories(venv + "/bin");
  fs::create_symlink(interpreter(), venv + "/bin/python");
  write_settings(venv);
}

void add_package(const ProjectFixture& project, const std::string& name, const std::string& text,
                 const std::string& entry_points) {
  const std::string packages = project / ".charter/.venv/lib/python3.11/site-packages";
  const std::string about = packages + "/" + name + "-1.0.dist-info";
  fs::create_directories(about);
  write_file(packages + "/" + name + ".py", text);
  write_file(about + "/METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0\n");
  write_file(about + "/entry_points.txt", entry_points);
}

void let_nursery_begin(const ProjectFixture& project, bool may) {
  const std::string packages = project / ".charter/.venv/lib/python3.11/site-packages";
  // Not a sitecustomize.py, of which Debian has one of its own.
  const std::string hook = packages + "/no_nursery.pth";
  fs::remove(hook);
  if (may) return;
  fs::create_directories(packages);
  write_file(hook, "import os, sys; 'charter-nursery' in sys.orig_argv and os._exit(1)\n");
}

void add_driver(const ProjectFixture& project, const std::string& there) {
  std::string hang;
  std::string lines = forks_and_hangs(there);
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', at);
    hang += "    " + lines.substr(at, end - at) + "\n";
    at = end + 1;
  }
  std::string text = kDriver;
  text.replace(text.find("HANG\n"), 5, hang);
  add_package(project, "kept", text, "[charter.storage_backends]\nkept = kept:Backend\n");
  write_file(project / "charter.yml", "name: test\nstorage: {driver: kept}\n");
}

std::string forks_and_hangs(const std::string& there) {
  return "if os.fork() == 0:\n"
         "    os.setsid()\n"
         "    if os.fork() == 0: time.sleep(1000)\n"
         "    os._exit(0)\n"
         "if os.fork() == 0:\n"
         "    os.setsid()\n"
         "    time.sleep(1000)\n"
         "subprocess.Popen(['setsid', 'sleep', '1000'])\n"
         "open('" +
         there +
         "', 'w').close()\n"
         "time.sleep(1000)\n";
}

}  // namespace charter::tests
