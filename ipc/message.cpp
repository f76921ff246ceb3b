#include "ipc/message.h"

#include <capnp/any.h>

#include <bit>
#include <cstring>

namespace charter::ipc::message {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

namespace {

// The segment table of a message of one segment: segments less one, words of the first.
struct SegmentTable {
  std::uint32_t more_segments;
  std::uint32_t words;
};
static_assert(sizeof(SegmentTable) == sizeof(capnp::word));

// `bytes`, whole words, where they are or, when that is not aligned, in `copy`.
kj::ArrayPtr<const capnp::word> aligned(std::string_view bytes, std::vector<std::uint64_t>& copy) {
  const std::size_t words = bytes.size() / sizeof(capnp::word);
  const char* begin = bytes.data();
  if (reinterpret_cast<std::uintptr_t>(begin) % alignof(std::uint64_t) != 0) {
    copy.resize(words);
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    begin = reinterpret_cast<const char*>(copy.data());
  }
  return kj::arrayPtr(reinterpret_cast<const capnp::word*>(begin), words);
}

}  // namespace

std::string flatten(capnp::MessageBuilder& builder) {
  const auto segments = builder.getSegmentsForOutput();
  if (segments.size() != 1) {
    const auto root = builder.getRoot<capnp::AnyPointer>().asReader();
    const auto words = static_cast<unsigned>(root.targetSize().wordCount + 1);
    capnp::MallocMessageBuilder whole(words, capnp::AllocationStrategy::GROW_HEURISTICALLY);
    whole.setRoot(root);
    KJ_ASSERT(whole.getSegmentsForOutput().size() == 1);
    return flatten(whole);
  }
  const auto bytes = segments[0].asBytes();
  const SegmentTable table{0, static_cast<std::uint32_t>(segments[0].size())};
  std::string out;
  out.reserve(sizeof table + bytes.size());
  out.append(reinterpret_cast<const char*>(&table), sizeof table);
  out.append(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
  return out;
}

Result<kj::ArrayPtr<const capnp::word>> segment_of(std::string_view bytes,
                                                   std::vector<std::uint64_t>& copy) {
  SegmentTable table{};
  if (bytes.size() < sizeof table || bytes.size() % sizeof(capnp::word) != 0) {
    return plain_error("a message of " + std::to_string(bytes.size()) + " bytes");
  }
  std::memcpy(&table, bytes.data(), sizeof table);
  const std::size_t words = bytes.size() / sizeof(capnp::word) - 1;
  if (table.more_segments != 0 || table.words != words) {
    return plain_error("a message with a wrong segment table");
  }
  const kj::ArrayPtr<const capnp::word> all = aligned(bytes, copy);
  return all.slice(1, all.size());
}

std::optional<kj::ArrayPtr<const capnp::word>> words_of(std::string_view bytes,
                                                        std::vector<std::uint64_t>& copy) {
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0) return std::nullopt;
  return aligned(bytes, copy);
}

capnp::ReaderOptions reader_limits(kj::ArrayPtr<const capnp::word> segment) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 2 * segment.size() + 64;
  options.nestingLimit = 8;
  return options;
}

Error version_error(std::string_view format, std::uint32_t found, std::uint32_t known) {
  return plain_error(std::string(format) + " version " + std::to_string(found) +
                     ", this program knows version " + std::to_string(known));
}

}  // namespace charter::ipc::message
