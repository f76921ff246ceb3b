#include "supervisor/run_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "ipc/codec.h"
#include "ipc/journal.h"
#include "ipc/json_scan.h"
#include "ipc/regular_file.h"

namespace charter::supervisor {
namespace {

ipc::Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return ipc::errno_error("remove " + path);
  return {};
}

}  // namespace

std::string nested_project(const ipc::Layout& layout, std::string_view run) {
  const auto file = ipc::open_regular(layout.journal(run), O_RDONLY);
  if (!file) return {};
  ipc::LogReader reader(file->get());
  const auto first = reader.next();
  if (!first || first->outcome != ipc::LogReader::Outcome::frame) return {};
  const auto frame = ipc::decode_journal_frame(first->payload);
  const auto* opened = frame ? std::get_if<ipc::Opened>(&frame->body) : nullptr;
  if (opened == nullptr) return {};
  const auto state = ipc::scan_object(opened->state, kStateLimits);
  const ipc::JsonMember* metadata = state ? ipc::find(*state, "metadata") : nullptr;
  if (metadata == nullptr) return {};
  const auto fields = ipc::scan_object(metadata->raw, kStateLimits);
  const ipc::JsonMember* member = fields ? ipc::find(*fields, "project_root") : nullptr;
  std::string root = member ? ipc::json_string(member->raw).value_or("") : std::string();
  return root.starts_with(layout.root() + "/") ? root : std::string();
}

ipc::Result<void> remove_run_files(const ipc::Layout& layout, std::string_view run) {
  std::error_code error;
  const std::string blobs = layout.blobs_dir(run);
  std::filesystem::remove_all(blobs, error);
  if (error) return ipc::Error{error, "remove " + blobs};
  const std::string request = layout.requests_dir() + "/" + std::string(run) + ".json";
  for (const std::string& path :
       {request, layout.kill_note(run), layout.run_log(run), layout.output_draft(run),
        layout.output_segment(run, 0), layout.output_segment(run, 1), layout.journal(run)}) {
    if (auto removed = remove_file(path); !removed) return removed;
  }
  return {};
}

}  // namespace charter::supervisor
