#include "worker/stores/kv_store.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ipc/job.h"
#include "ipc/lock.h"
#include "ipc/peer.h"
#include "ipc/regular_file.h"

namespace charter::worker {
namespace {

constexpr std::size_t kMostValueBytes = std::size_t{1} << 30;
constexpr std::int64_t kLockPatienceMs = 30'000;

}  // namespace

KvStore::KvStore(std::string file, std::string lock, Spares spares, Attention& attention)
    : file_(std::move(file)),
      lock_file_(std::move(lock)),
      spares_(std::move(spares)),
      attention_(attention) {}

// Another run may be publishing, which takes a sync; and if its engine was stopped with the lock
// held, this one still has to hear what it is asked. So the lock is asked for again and again,
// with the engine's ears open.
ipc::Result<void> KvStore::take_lock() {
  if (!lock_) {
    auto lock = ipc::open_regular(lock_file_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
  }
  const std::int64_t give_up = ipc::boot_ms() + kLockPatienceMs;
  for (;;) {
    const auto taken = ipc::try_lock(lock_.get());
    if (!taken) return taken.error();
    if (*taken) break;
    const std::int64_t now = ipc::boot_ms();
    if (now >= give_up) return ipc::plain_error("the key-value store is locked by another run");
    (void)attention_.wait({}, now + 1);
  }
  locked_ = true;
  return {};
}

void KvStore::release() {
  if (locked_) (void)ipc::unlock(lock_.get());
  locked_ = false;
  loaded_ = false;
  values_ = Object();
}

ipc::Result<void> KvStore::load() {
  if (loaded_) return {};
  values_ = Object();
  const auto file = ipc::open_regular(file_, O_RDONLY);
  if (!file) {
    if (file.error().code != std::errc::no_such_file_or_directory) return file.error();
    loaded_ = true;
    return {};
  }
  const auto text = ipc::read_all(file->get(), kMostValueBytes);
  if (!text) return text.error();
  auto parsed = parse_json(*text, kKeptNesting);
  if (!parsed) return ipc::plain_error(file_ + ": " + parsed.error().message());
  if (!parsed->is_object()) return ipc::plain_error(file_ + ": not an object");
  values_ = std::move(parsed->as_object());
  loaded_ = true;
  return {};
}

ipc::Result<const Value*> KvStore::get(const std::string& key) {
  if (auto read = load(); !read) return read.error();
  return std::as_const(values_).find(key);
}

ipc::Result<void> KvStore::set(const std::string& key, Value value) {
  if (!locked_) {
    if (auto taken = take_lock(); !taken) return taken.error();
    loaded_ = false;  // what was read without the lock may be out of date
  }
  if (auto read = load(); !read) return read.error();
  values_.set(key, std::move(value));
  return {};
}

ipc::Result<void> KvStore::commit() {
  ipc::Result<void> done;
  // Whoever only reads takes no lock, and may be kept from the processor for as long as it likes.
  if (locked_) done = spares_.replace(file_, dump(Value(std::move(values_))));
  release();
  return done;
}

}  // namespace charter::worker
