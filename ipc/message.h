// Flat Cap'n Proto messages of one segment, the shape of every payload of this project. Included
// by this room's sources only, never by its public headers.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"

namespace charter::ipc::message {

inline capnp::Text::Reader text(const std::string& value) { return {value.data(), value.size()}; }
inline capnp::Data::Reader data(const std::string& value) {
  return {reinterpret_cast<const kj::byte*>(value.data()), value.size()};
}
inline std::string str(capnp::Text::Reader value) { return {value.begin(), value.size()}; }
inline std::string str(capnp::Data::Reader value) {
  const auto chars = value.asChars();
  return {chars.begin(), chars.size()};
}

// Words for the first segment of a message that carries `bytes` of text and data; a guess that is
// too small costs a copy in flatten(), nothing else.
inline unsigned segment_words(std::size_t bytes) {
  return static_cast<unsigned>(bytes / sizeof(capnp::word) + 96);
}

// The message as one segment behind its segment table, however many it was built in.
[[nodiscard]] std::string flatten(capnp::MessageBuilder& builder);

// The one segment of `bytes`, checked and 8-aligned: inside `bytes`, or inside `copy` when `bytes`
// is not aligned.
[[nodiscard]] Result<kj::ArrayPtr<const capnp::word>> segment_of(std::string_view bytes,
                                                                 std::vector<std::uint64_t>& copy);

// What a reader may spend on `segment`: everything in it twice, eight pointers deep.
[[nodiscard]] capnp::ReaderOptions reader_limits(kj::ArrayPtr<const capnp::word> segment);

// `bytes` as aligned words, which lie in `bytes` or in `copy`; nothing when they are no whole
// words, or none at all.
[[nodiscard]] std::optional<kj::ArrayPtr<const capnp::word>> words_of(
    std::string_view bytes, std::vector<std::uint64_t>& copy);

// The refusal of a format version, naming both.
[[nodiscard]] Error version_error(std::string_view format, std::uint32_t found,
                                  std::uint32_t known);

// Encodes one root; `bytes` is about how much text and data `fill` puts into it.
template <class Root, class Fill>
std::string write(std::size_t bytes, Fill fill) {
  capnp::MallocMessageBuilder builder(segment_words(bytes));
  fill(builder.initRoot<Root>());
  return flatten(builder);
}

// Decodes one root. `read` takes its reader and returns a Result; what Cap'n Proto throws on a
// malformed message becomes an error that says only `format`.
template <class Root, class Read>
auto read(std::string_view bytes, std::string_view format, Read reader)
    -> decltype(reader(std::declval<typename Root::Reader>())) {
  std::vector<std::uint64_t> copy;
  const auto segment = segment_of(bytes, copy);
  if (!segment) return segment.error();
  try {
    const kj::ArrayPtr<const capnp::word> segments[] = {*segment};
    capnp::SegmentArrayMessageReader message(segments, reader_limits(*segment));
    return reader(message.getRoot<Root>());
  } catch (const kj::Exception&) {
    return plain_error("malformed " + std::string(format));
  }
}

// The same for what others than this project have built: a message in the standard framing, of any
// number of segments.
template <class Root, class Read>
auto read_framed(std::string_view bytes, std::string_view format, Read reader)
    -> decltype(reader(std::declval<typename Root::Reader>())) {
  std::vector<std::uint64_t> copy;
  const auto words = words_of(bytes, copy);
  if (!words) {
    return plain_error("malformed " + std::string(format) + ": " + std::to_string(bytes.size()) +
                       " bytes");
  }
  try {
    capnp::FlatArrayMessageReader message(*words, reader_limits(*words));
    if (message.getEnd() != words->end()) {
      return plain_error("malformed " + std::string(format) + ": bytes behind its end");
    }
    return reader(message.getRoot<Root>());
  } catch (const kj::Exception&) {
    return plain_error("malformed " + std::string(format));
  }
}

}  // namespace charter::ipc::message
