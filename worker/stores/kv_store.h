// The project's key-value state: one JSON object in one file, shared by all runs. Every change is
// made under kv.lock from what the file holds at that moment, so no update of another run of the
// daemon is lost; the toolchain's CLI takes no lock.
//
// A transaction may hold many reads and writes: the file is read once and published once, durable.
#pragma once

#include <optional>
#include <string>

#include "ipc/error.h"
#include "ipc/unique_fd.h"
#include "worker/attention.h"
#include "worker/json/value.h"
#include "worker/stores/spares.h"

namespace charter::worker {

class KvStore {
 public:
  // `attention` is what goes on while the lock is waited for.
  KvStore(std::string file, std::string lock, Spares spares, Attention& attention);

  // The value as the open transaction sees it; null pointer when there is none. Valid until the
  // next call. Needs no lock: the file is only ever replaced as a whole.
  ipc::Result<const Value*> get(const std::string& key);
  // Takes the lock with the first change.
  ipc::Result<void> set(const std::string& key, Value value);
  // Publishes what was set and lets the lock go. What was set is lost when it fails.
  ipc::Result<void> commit();

 private:
  ipc::Result<void> load();
  ipc::Result<void> take_lock();
  void release();

  std::string file_;
  std::string lock_file_;
  Spares spares_;
  Attention& attention_;
  ipc::UniqueFd lock_;
  bool locked_ = false;
  bool loaded_ = false;
  Object values_;
};

}  // namespace charter::worker
