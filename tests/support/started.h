// The usual scene of a test: a project, a recording gateway and a daemon between them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "tests/support/daemon_process.h"
#include "tests/support/hand_off_client.h"
#include "tests/support/project_fixture.h"
#include "tests/support/recording_gateway.h"

namespace charter::tests {

class Started {
 public:
  // `protocol` as in RecordingGateway.
  explicit Started(DaemonOptions options = {}, std::string protocol = {})
      : gateway(std::move(protocol)),
        daemon(project, with_gateway(std::move(options), gateway.url())) {}

  // Hands off a run of one of the project's workflows.
  Answer run(const std::string& id, const std::string& workflow,
             boost::json::object variables = {}) const {
    HandOff request;
    request.run_id = id;
    request.workflow_id = workflow;
    request.workflow_path = project.plan(workflow);
    request.variables = std::move(variables);
    return hand_off(daemon.socket(), request);
  }

  ProjectFixture project;
  RecordingGateway gateway;
  DaemonProcess daemon;

 private:
  static DaemonOptions with_gateway(DaemonOptions options, const std::string& url) {
    options.gateway = url;
    return options;
  }
};

}  // namespace charter::tests
