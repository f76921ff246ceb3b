// Where engines say how long their journals have become.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <unordered_map>

#include "ipc/doorbell.h"
#include "ipc/unique_fd.h"
#include "supervisor/clock.h"
#include "supervisor/registry.h"

namespace charter::supervisor {

class DoorbellServer {
 public:
  // `hello`: the first word of a run's engine; `rung`: its journal has grown.
  DoorbellServer(boost::asio::any_io_executor executor, const Registry& registry,
                 std::function<void(const RunPtr&)> hello, std::function<void(const RunPtr&)> rung);
  ~DoorbellServer();

  void start(ipc::UniqueFd listener);

 private:
  class Line;

  void wait();
  void accept_all();
  void pause();
  void closed(Line* line);

  boost::asio::any_io_executor executor_;
  const Registry& registry_;
  std::function<void(const RunPtr&)> hello_;
  std::function<void(const RunPtr&)> rung_;
  ipc::UniqueFd listener_;
  boost::asio::posix::stream_descriptor descriptor_;
  Timer pause_;
  std::unordered_map<Line*, std::shared_ptr<Line>> lines_;
};

}  // namespace charter::supervisor
