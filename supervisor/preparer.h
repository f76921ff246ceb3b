// Asks worker mode `prepare` what must be known before an answer, and remembers what it said.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ipc/prepare.h"
#include "supervisor/spawner.h"
#include "supervisor/verdict_cache.h"
#include "supervisor/worker_program.h"

namespace charter::supervisor {

class Preparer {
 public:
  // Never null. A worker that could not answer yields a refusal with code internal_error.
  using Done = std::function<void(const Verdict&)>;

  Preparer(boost::asio::any_io_executor executor, const WorkerProgram& worker,
           const std::string& project_root, Spawner& spawner);
  ~Preparer();

  // Equal questions share one worker; a known answer comes at once. `request.run_id` is no part of
  // the question.
  void prepare(ipc::PrepareRequest request, Done done);

 private:
  class Inquiry;

  void start_next();
  void answered(const std::string& key, Verdict verdict);

  boost::asio::any_io_executor executor_;
  const WorkerProgram& worker_;
  const std::string& project_root_;
  Spawner& spawner_;
  VerdictCache cache_;
  // By question: each can be large, so this is where the only copy of it is.
  std::unordered_map<std::string, std::vector<Done>> waiting_;
  std::deque<const std::string*> questions_;  // not asked yet
  std::unordered_map<const std::string*, std::shared_ptr<Inquiry>> inquiries_;
};

}  // namespace charter::supervisor
