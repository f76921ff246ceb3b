#include "worker/stores/artifact_store.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "ipc/job.h"
#include "ipc/layout.h"
#include "ipc/open_directory.h"
#include "ipc/regular_file.h"
#include "ipc/unique_fd.h"
#include "ipc/utf8.h"
#include "worker/json/python.h"
#include "worker/stores/directories.h"
#include "worker/stores/drivers.h"

namespace charter::worker {
namespace {

constexpr DumpStyle kEnvelope{.compact = true, .ascii = false};
constexpr DumpStyle kPayload{.compact = true, .ascii = false, .sort_keys = true};
constexpr const char* kJsonType = "application/json";
constexpr std::size_t kMostArtifactBytes = std::size_t{1} << 30;
constexpr const char* kSuffix = ".json";

// Durable but for its name.
ipc::Result<void> write_new(const std::string& path, std::string_view bytes) {
  const ipc::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return ipc::errno_error("create " + path);
  const char* failed = nullptr;
  if (!ipc::write_all(file.get(), bytes)) {
    failed = "write ";
  } else if (::fdatasync(file.get()) != 0) {
    failed = "sync ";
  }
  if (failed == nullptr) return {};
  const auto error = ipc::errno_error(failed + path);
  (void)::unlink(path.c_str());
  return error;
}

// For a file system without links. Whoever dies while copying leaves nothing under the name that
// is looked for.
ipc::Result<void> copy_whole(const std::string& from, const std::string& to) {
  const auto old = ipc::open_regular(from, O_RDONLY | O_NOFOLLOW);
  if (!old) return old.error();
  const auto text = ipc::read_all(old->get(), kMostArtifactBytes);
  if (!text) return text.error();
  const std::string part = to + ".part";
  if (::unlink(part.c_str()) != 0 && errno != ENOENT) return ipc::errno_error("remove " + part);
  if (auto written = write_new(part, *text); !written) return written;
  if (::rename(part.c_str(), to.c_str()) == 0) return {};
  const auto error = ipc::errno_error("rename " + part);
  (void)::unlink(part.c_str());
  return error;
}

// A random UUID of version 4.
ipc::Result<std::string> random_id() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return ipc::errno_error("getrandom");
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0fU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3fU) | 0x80U);
  std::string id;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (at == 4 || at == 6 || at == 8 || at == 10) id += '-';
    std::array<char, 3> hex{};
    (void)std::snprintf(hex.data(), hex.size(), "%02x", static_cast<unsigned>(bytes[at]));
    id += hex.data();
  }
  return id;
}

// A lone surrogate, which JSON text can escape, cannot be written as UTF-8.
bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto sequence = ipc::utf8_sequence(text);
    if (!sequence.valid) return false;
    text.remove_prefix(sequence.length);
  }
  return true;
}

bool is_utf8(const Value& value) {
  if (value.is_string()) return is_utf8(std::string_view(value.as_string()));
  if (value.is_array()) {
    const Array& items = value.as_array();
    return std::all_of(items.begin(), items.end(), [](const Value& item) { return is_utf8(item); });
  }
  if (!value.is_object()) return true;
  const Object& members = value.as_object();
  return std::all_of(members.begin(), members.end(), [](const auto& member) {
    return is_utf8(std::string_view(member.first)) && is_utf8(member.second);
  });
}

// The id of what has all that a reference has.
const Value* referred(const Value& value) {
  if (!value.is_object()) return nullptr;
  const Object& object = value.as_object();
  if (!(get(object, "kind") == Value("artifact"))) return nullptr;
  for (const char* field : {"content_type", "byte_size", "name"}) {
    if (object.find(field) == nullptr) return nullptr;
  }
  return object.find("artifact_id");
}

bool is_file_name(const std::string& id) {
  return !id.empty() && id.find('/') == std::string::npos && id.find('\0') == std::string::npos;
}

}  // namespace

ipc::Result<Value> ArtifactStore::store(const Step& step, const StepOutput& output,
                                        const Value& value) const {
  if (json_fault(value, true) || !is_utf8(value)) {
    return ipc::plain_error("Step '" + step.id_text() + "': output '" + output.name +
                            "' must be JSON-serializable for artifact storage");
  }
  const std::string payload = dump(value, kPayload);
  auto id = random_id();
  if (!id) return id.error();
  const bool typed = output.artifact && truthy(output.artifact->content_type);
  const bool named = output.artifact && !output.artifact->name.is_null();
  const Value type = typed ? output.artifact->content_type : Value(kJsonType);
  const Value name = named ? output.artifact->name : Value(output.name);
  const Value size = Value::integer(static_cast<long long>(payload.size()));
  const Value items =
      value.is_array() ? Value::integer(static_cast<long long>(value.as_array().size())) : Value();
  std::string envelope;
  const auto add = [&envelope](const char* key, const Value& member) {
    envelope.append(envelope.empty() ? "{\"" : ",\"").append(key).append("\":");
    dump_to(envelope, member, kEnvelope);
  };
  add("artifact_id", Value(*id));
  add("run_id", Value(run_id_));
  add("step_id", step.id);
  add("output_name", Value(output.name));
  add("content_type", type);
  add("item_count", items);
  add("byte_size", size);
  envelope.append(",\"payload\":").append(payload);
  add("name", name);
  envelope += '}';
  auto written = drivers_ != nullptr ? drivers_->write_artifact(envelope) : write(*id, envelope);
  if (!written) return written.error();
  Object reference;
  reference.set("kind", Value("artifact"));
  reference.set("artifact_id", Value(std::move(*id)));
  reference.set("content_type", type);
  reference.set("item_count", items);
  reference.set("byte_size", size);
  reference.set("name", name);
  return Value(std::move(reference));
}

// Nobody knows the name before it is durable, so the file needs no other one first.
ipc::Result<void> ArtifactStore::write(const std::string& id, const std::string& envelope) const {
  if (auto made = make_named_directory(directory_, 0755); !made) return made;
  if (auto written = write_new(directory_ + "/" + id + kSuffix, envelope); !written) return written;
  return ipc::sync_directory(directory_);
}

ipc::Result<Value> ArtifactStore::load(const Value& reference) const {
  const Value* id = referred(reference);
  if (id == nullptr) return reference;
  if (drivers_ != nullptr) return drivers_->load_artifact(*id);
  const auto missing = ipc::plain_error("Artifact '" + str(*id) + "' was not found");
  if (!id->is_string() || !is_file_name(id->as_string())) return missing;
  const std::string path = directory_ + "/" + id->as_string() + kSuffix;
  const auto file = ipc::open_regular(path, O_RDONLY);
  if (!file) {
    return file.error().code == std::errc::no_such_file_or_directory ? missing : file.error();
  }
  const auto text = ipc::read_all(file->get(), kMostArtifactBytes);
  if (!text) return text.error();
  auto envelope = parse_json(*text, kKeptNesting);
  if (!envelope || !envelope->is_object()) return ipc::plain_error(path + " is damaged");
  Value* payload = envelope->as_object().find("payload");
  if (payload == nullptr) return ipc::plain_error(path + " is damaged");
  return std::move(*payload);
}

ipc::Result<void> inherit_artifacts(const std::string& from, const std::string& to) {
  const auto names = ipc::names_in(from);
  if (!names && names.error().code == std::errc::no_such_file_or_directory) return {};
  if (!names) return names.error();
  if (::mkdir(to.c_str(), 0755) != 0 && errno != EEXIST) return ipc::errno_error("create " + to);
  for (const std::string& name : *names) {
    if (!name.ends_with(kSuffix)) continue;
    const std::string old = from + "/" + name;
    const std::string path = to + "/" + name;
    if (::link(old.c_str(), path.c_str()) == 0 || errno == EEXIST) continue;
    if (auto copied = copy_whole(old, path); !copied) return copied;
  }
  if (auto synced = ipc::sync_directory(to); !synced) return synced;
  return ipc::sync_directory(to.substr(0, to.rfind('/')));
}

}  // namespace charter::worker
