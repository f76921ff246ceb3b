#include "client/dev_place.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "ipc/job.h"
#include "ipc/layout.h"
#include "ipc/text_file.h"
#include "ipc/unique_fd.h"

namespace charter::client {
namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr mode_t kOthers = 077;
constexpr std::string_view kDigits = "0123456789abcdef";

Failure failed(const std::string& what) {
  return {kExitRunFailed, what + ": " + std::strerror(errno)};
}

Expected<void> make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return failed("make " + path);
  return {};
}

// Whoever reads the name finds the old bytes or the new ones, and nobody else can read them.
Expected<void> replace_file(const std::string& path, std::string_view text) {
  auto replaced = ipc::replace_text_file(path, text, false);
  if (!replaced) return Failure{kExitRunFailed, replaced.error().message()};
  return {};
}

std::string new_token() {
  std::array<unsigned char, kTokenBytes> bytes{};
  // That many bytes come whole or not at all.
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
  std::string token;
  for (const unsigned char byte : bytes) {
    token += kDigits[byte >> 4U];
    token += kDigits[byte & 15U];
  }
  return token;
}

// The token that is kept; empty when there is none that can be used.
std::string kept_token(const std::string& path) {
  const ipc::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  if (info.st_uid != ::geteuid() || (info.st_mode & kOthers) != 0) return {};
  const auto text = ipc::read_all(file.get(), 2 * kTokenBytes + 1);
  if (!text || text->size() != 2 * kTokenBytes + 1 || text->back() != '\n') return {};
  const std::string token = text->substr(0, 2 * kTokenBytes);
  return token.find_first_not_of(kDigits) == std::string::npos ? token : std::string();
}

Expected<void> check_owner(const std::string& directory) {
  struct stat info {};
  if (::lstat(directory.c_str(), &info) != 0) return failed(directory);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) {
    return Failure(kExitRunFailed, directory + " is not a directory of this user's.");
  }
  if (::chmod(directory.c_str(), 0700) != 0) return failed(directory);
  return {};
}

}  // namespace

Expected<DevPlace> prepare_dev_place(const std::string& root) {
  const std::string charter = ipc::Layout(root).charter_dir();
  DevPlace place;
  place.directory = charter + "/dev";
  place.gateway = place.directory + "/gateway";
  place.token_file = place.directory + "/token";
  place.login_file = place.directory + "/open.html";
  if (auto made = make_directory(charter, 0755); !made) return made.error();
  if (auto made = make_directory(place.directory, 0700); !made) return made.error();
  if (auto checked = check_owner(place.directory); !checked) return checked.error();
  place.token = kept_token(place.token_file);
  if (!place.token.empty()) return place;
  place.token = new_token();
  if (place.token.empty()) return failed("random bytes");
  // The token is nothing for a repository.
  if (auto made = replace_file(place.directory + "/.gitignore", "*\n"); !made) return made.error();
  if (auto made = replace_file(place.token_file, place.token + "\n"); !made) return made.error();
  return place;
}

Expected<void> write_login_file(const DevPlace& place, const std::string& url) {
  return replace_file(place.login_file,
                      "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Charter</title>\n"
                      "<meta name=\"referrer\" content=\"no-referrer\">\n"
                      "<meta http-equiv=\"refresh\" content=\"0; url=" +
                          url + "/#token=" + place.token +
                          "\">\n<p>To the page of Charter …</p>\n");
}

void remove_login_file(const DevPlace& place) { ::unlink(place.login_file.c_str()); }

std::string file_url(const std::string& path) {
  std::string url = "file://";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::strchr("/-._~", c) != nullptr) {
      url += c;
    } else {
      constexpr std::string_view kUpper = "0123456789ABCDEF";
      url += '%';
      url += kUpper[byte >> 4U];
      url += kUpper[byte & 15U];
    }
  }
  return url;
}

}  // namespace charter::client
