#include "supervisor/sync_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "ipc/regular_file.h"
#include "ipc/text_file.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kMaxBytes = 16U << 20;  // ids of a hundred thousand runs

}  // namespace

void SyncMark::set(std::string_view names) {
  if (!file_) {
    if (auto file = ipc::open_regular(path_, O_WRONLY | O_CREAT, 0600)) file_ = std::move(*file);
  }
  if (!file_) return;
  std::string text(names);
  text.push_back('\0');
  (void)!::pwrite(file_.get(), text.data(), text.size(), 0);
}

void SyncMark::clear() {
  if (file_) (void)!::pwrite(file_.get(), "", 1, 0);
}

ipc::Result<std::string> SyncMark::left(const std::string& path) {
  auto text = ipc::text_if_there(path, kMaxBytes);
  if (text) text->resize(std::min(text->find('\0'), text->size()));
  return text;
}

}  // namespace charter::supervisor
