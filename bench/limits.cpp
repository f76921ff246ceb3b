// What the machine itself can do, as JSON on one line: the bounds of whatever runs on it.
//
//   limits DIRECTORY
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "bench/latencies.h"

extern char** environ;

namespace charter::bench {
namespace {

constexpr int kSyncs = 200;
constexpr int kProcesses = 300;
constexpr int kRoundTrips = 5000;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// 4 KiB appended to a file and synced.
Latencies synced(const std::string& path, int (*sync)(int)) {
  Latencies latencies;
  const std::array<char, 4096> block{};
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  for (int i = 0; i < kSyncs && fd >= 0; ++i) {
    const auto begin = now_ns();
    if (write(fd, block.data(), block.size()) < 0 || sync(fd) != 0) break;
    latencies.add(now_ns() - begin);
  }
  if (fd >= 0) close(fd);
  unlink(path.c_str());
  return latencies;
}

// One process after the other that does nothing.
double processes_per_second() {
  std::string name = "true";
  std::array<char*, 2> arguments{name.data(), nullptr};
  const auto begin = now_ns();
  for (int i = 0; i < kProcesses; ++i) {
    pid_t pid = 0;
    if (posix_spawnp(&pid, "true", nullptr, nullptr, arguments.data(), environ) != 0) return 0;
    waitpid(pid, nullptr, 0);
  }
  return kProcesses * 1e9 / static_cast<double>(now_ns() - begin);
}

// A byte to another thread and back.
Latencies round_trips() {
  Latencies latencies;
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return latencies;
  std::thread echo([fd = ends[1]] {
    for (char byte = 0; read(fd, &byte, 1) == 1;) {
      if (write(fd, &byte, 1) != 1) break;
    }
    close(fd);
  });
  for (int i = 0; i < kRoundTrips; ++i) {
    char byte = 'x';
    const auto begin = now_ns();
    if (write(ends[0], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) break;
    latencies.add(now_ns() - begin);
  }
  close(ends[0]);
  echo.join();
  return latencies;
}

void print(const char* name, const Latencies& latencies) {
  std::printf("\"%s, p50, ms\": %.4f, \"%s, p99, ms\": %.4f, ", name, latencies.ms(0.5), name,
              latencies.ms(0.99));
}

}  // namespace
}  // namespace charter::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: limits DIRECTORY\n");
    return 2;
  }
  using namespace charter::bench;
  const std::string path = std::string(argv[1]) + "/limits";
  std::printf("{");
  print("append and fsync", synced(path, fsync));
  print("append and fdatasync", synced(path, fdatasync));
  print("unix socket round trip", round_trips());
  std::printf("\"fork and exec, processes/s\": %.0f}\n", processes_per_second());
}
