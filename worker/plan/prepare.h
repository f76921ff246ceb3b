// Mode `prepare`: whether a hand-off or a launch can be run, and the run state it starts from; and
// which workflows there are.
#pragma once

#include <functional>

#include "ipc/prepare.h"
#include "worker/plan/launch.h"

namespace charter::worker {

// Answers requests of the kind `retry`, which need what a run has done rather than a plan.
using ReadSeed = ipc::PrepareReply (*)(const ipc::PrepareRequest& request);

// Answers one request. Reads the project's files and nothing else; runs nothing of the project but
// the backends of the secrets that a launch needs, and of the storage driver.
[[nodiscard]] ipc::PrepareReply prepare(const ipc::PrepareRequest& request,
                                        OpenBackends open_backends = {},
                                        const OpenProbe& open_probe = {},
                                        ReadSeed read_seed = nullptr);

// What answers about secrets for the request that is being prepared.
using BackendsFor = std::function<OpenBackends(const ipc::PrepareRequest& request)>;
// The same of its storage driver.
using ProbeFor = std::function<OpenProbe(const ipc::PrepareRequest& request)>;

// Reads one encoded request from descriptor 0, writes the encoded reply to descriptor 1. Bounds
// its own memory and processor time first. The process's exit code: 0 when a reply was written,
// whatever it says.
[[nodiscard]] int prepare_main(const BackendsFor& backends_for = {}, const ProbeFor& probe_for = {},
                               ReadSeed read_seed = nullptr);

}  // namespace charter::worker
