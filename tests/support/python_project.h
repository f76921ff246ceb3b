// Projects that have an interpreter, as `charter install` leaves it; the toolchain is the
// reference's environment.
#pragma once

#include <string>

#include "tests/support/daemon_process.h"
#include "tests/support/project_fixture.h"

namespace charter::tests {

// Why this user has no toolchain here; empty when there is one. Where the interpreter of the
// reference's environment lies where the user may not look, the system's of the same version will
// do.
[[nodiscard]] std::string why_no_toolchain();
// Lets the daemon find the toolchain, of which a stand-in is put into the project where needed.
void use_toolchain(DaemonOptions& options);
void add_environment(const ProjectFixture& project);
// Puts a package into the environment with its modules' text and its entry points.
void add_package(const ProjectFixture& project, const std::string& name, const std::string& text,
                 const std::string& entry_points);

// Whether the interpreter that forks workers for runs can begin; where it cannot, each run has to
// start an interpreter by itself.
void let_nursery_begin(const ProjectFixture& project, bool may);

// A storage driver `kept`, named by charter.yml: it keeps each run's state in held/<run>.json and
// its events, one a line, in held/<run>.events, where stream_seq counts from 1000. Of a run whose
// id begins with "forks" its first save begins processes in sessions of their own, makes the file
// `there` and does not return. It takes no event of a kind while there is held/stall-<kind>.
void add_driver(const ProjectFixture& project, const std::string& there);

// What makes processes that outlive whoever does not look closely, in Python: forks that are of
// other sessions, one of which is an orphan, and a program. Makes the file `there`, then hangs.
[[nodiscard]] std::string forks_and_hangs(const std::string& there);

}  // namespace charter::tests
