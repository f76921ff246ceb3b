#include "worker/plan/paths.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "worker/json/python.h"

namespace charter::worker {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel follows

// The parts of a path in reverse, so that the next one is at the back.
std::vector<std::string> reversed_parts(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t end = path.size(); end > 0;) {
    const std::size_t slash = path.rfind('/', end - 1);
    const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
    if (begin < end) parts.emplace_back(path.substr(begin, end - begin));
    end = begin == 0 ? 0 : begin - 1;
  }
  return parts;
}

// Where the link leads; empty when it is no link.
std::string link_target(const std::string& path) {
  std::array<char, 4096> buffer{};
  const ssize_t size = ::readlink(path.c_str(), buffer.data(), buffer.size());
  return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

Outcome<ResolvedPath> resolve(std::string_view path, std::string_view base) {
  if (path.find('\0') != std::string_view::npos) return internal("embedded null byte");
  const std::string whole = join(base, path);
  std::vector<std::string> parts = reversed_parts(whole);
  std::string resolved;
  int links = 0;
  while (!parts.empty()) {
    const std::string part = std::move(parts.back());
    parts.pop_back();
    if (part == ".") continue;
    if (part == "..") {
      resolved.erase(resolved.empty() ? 0 : resolved.rfind('/'));
      continue;
    }
    const std::string candidate = resolved + "/" + part;
    const std::string target = link_target(candidate);
    if (target.empty()) {
      resolved = candidate;
      continue;
    }
    if (++links > kMaxLinks) return internal("Symlink loop from " + repr(std::string_view(whole)));
    if (target.starts_with('/')) resolved.clear();
    for (std::string& piece : reversed_parts(target)) parts.push_back(std::move(piece));
  }
  return ResolvedPath{resolved.empty() ? "/" : resolved};
}

std::string join(std::string_view left, std::string_view right) {
  if (right.starts_with('/')) return std::string(right);
  std::string path(left);
  if (right.empty()) return path;
  if (!path.ends_with('/')) path += '/';
  return path.append(right);
}

std::string parent(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

bool is_inside(std::string_view path, std::string_view root) {
  if (root == "/" || path == root) return true;
  return path.size() > root.size() && path.starts_with(root) && path[root.size()] == '/';
}

}  // namespace charter::worker
