#include "supervisor/doctor/tar_gz.h"

#include <zlib.h>

#include <array>
#include <cstring>
#include <new>
#include <stdexcept>

namespace charter::supervisor {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kMostName = 99;
constexpr int kGzipWindow = 15 + 16;  // zlib's way to say gzip

// The fields of a ustar header, by their place in its block.
class Header {
 public:
  void text(std::size_t at, std::string_view value) {
    std::memcpy(block_.data() + at, value.data(), value.size());
  }
  // Octal digits and a NUL.
  void number(std::size_t at, std::size_t size, std::uint64_t value) {
    for (std::size_t i = size - 1; i-- > 0; value >>= 3U) {
      block_[at + i] = static_cast<char>('0' + (value & 7U));
    }
  }
  // Over the block with blanks in its own place.
  [[nodiscard]] std::string_view sealed() {
    text(148, "        ");
    unsigned sum = 0;
    for (const char c : block_) sum += static_cast<unsigned char>(c);
    number(148, 7, sum);
    return {block_.data(), block_.size()};
  }

 private:
  std::array<char, kBlock> block_{};
};

std::string compressed(std::string_view bytes) {
  z_stream stream{};
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out(::deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::logic_error("deflateBound was too small");
  return out;
}

}  // namespace

void TarGz::add(std::string_view name, std::string_view text) {
  if (name.empty() || name.size() > kMostName) throw std::logic_error("a name in an archive");
  Header header;
  header.text(0, name);
  header.number(100, 8, 0600);
  header.number(108, 8, 0);
  header.number(116, 8, 0);
  header.number(124, 12, text.size());
  header.number(136, 12, static_cast<std::uint64_t>(when_));
  header.text(156, "0");
  header.text(257, std::string_view("ustar\00000", 8));
  tar_ += header.sealed();
  tar_ += text;
  tar_.append((kBlock - text.size() % kBlock) % kBlock, '\0');
}

std::string TarGz::finish() {
  tar_.append(2 * kBlock, '\0');
  return compressed(tar_);
}

}  // namespace charter::supervisor
