#include "worker/plan/entry_points.h"

#include <algorithm>

#include "worker/json/unicode.h"
#include "worker/plan/paths.h"

namespace charter::worker {
namespace {

bool lists(std::string_view text, std::string_view group, std::string_view name) {
  bool inside = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = strip(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '[' && line.back() == ']') {
      inside = line.substr(1, line.size() - 2) == group;
    } else if (inside && strip(line.substr(0, line.find('='))) == name) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool offers_entry_point(Files& files, const std::vector<std::string>& directories,
                        std::string_view group, std::string_view name) {
  for (const std::string& directory : directories) {
    for (const std::string& package : files.list(directory)) {
      if (!package.ends_with(".dist-info") && !package.ends_with(".egg-info")) continue;
      const std::string path = join(directory, package + "/entry_points.txt");
      if (!files.is_file(path)) continue;
      const auto text = files.read(path);
      if (text && lists(*text, group, name)) return true;
    }
  }
  return false;
}

}  // namespace charter::worker
