// The files of the page, which are in the program itself.
#pragma once

#include <cstddef>
#include <string_view>

namespace charter::gateway {

struct PageFile {
  std::string_view path;  // "/" or "/page/…"
  std::string_view type;  // its Content-Type
  std::string_view etag;  // with its quotation marks
  std::string_view text;
};

// Made by cmake/embed_page.cmake.
extern const PageFile kPageFiles[];
extern const std::size_t kPageFileCount;

// The file a request target names, whatever its query; null when it names none.
[[nodiscard]] const PageFile* find_page_file(std::string_view target);

// Whether an If-None-Match header names this entity tag, or any.
[[nodiscard]] bool names_etag(std::string_view if_none_match, std::string_view etag);

// Nothing but the gateway's own files, and no script or style within them.
inline constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace charter::gateway
