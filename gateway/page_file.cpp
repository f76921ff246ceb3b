#include "gateway/page_file.h"

#include <algorithm>
#include <span>

namespace charter::gateway {

const PageFile* find_page_file(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const std::span<const PageFile> files(kPageFiles, kPageFileCount);
  const auto at = std::ranges::find(files, path, &PageFile::path);
  return at == files.end() ? nullptr : &*at;
}

bool names_etag(std::string_view if_none_match, std::string_view etag) {
  // A tag is quoted, so no other one can hold it; a weak one is the same here.
  return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
}

}  // namespace charter::gateway
