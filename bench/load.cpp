// Hands off runs as the stock CLI does, from several clients at once, and prints how long the
// answers took, as JSON on one line.
//
//   load SOCKET WORKFLOW PLAN PREFIX CLIENTS RUNS [PAUSE_MS]
//
// Runs are called PREFIX-0 and so on; each client sends its next request when it has the answer
// to the last, PAUSE_MS later. Times are of CLOCK_MONOTONIC, as the recorder's are.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "bench/latencies.h"

namespace charter::bench {
namespace {

struct Plan {
  std::string socket, workflow, path, prefix;
  int clients = 1;
  int runs = 1;
  std::chrono::milliseconds pause{0};
};

struct Client {
  Latencies latencies;
  int refused = 0;
  std::string refusal;
};

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string request(const Plan& plan, int number) {
  return R"({"type":"start_run","run_id":")" + plan.prefix + "-" + std::to_string(number) +
         R"(","workflow_id":")" + plan.workflow + R"(","workflow_path":")" + plan.path +
         R"(","variables":{},"capabilities":{},"workflow_snapshot":null})"
         "\n";
}

// The answer, or what went wrong.
std::string exchange(const Plan& plan, const std::string& line) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, plan.socket.c_str(), sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      send(fd, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    answer = std::strerror(errno);
  } else {
    char buffer[4096];
    for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<std::size_t>(got));
      if (answer.ends_with('\n')) break;
    }
  }
  close(fd);
  return answer;
}

void work(const Plan& plan, std::atomic<int>& next, Client& client) {
  for (int number; (number = next.fetch_add(1)) < plan.runs;) {
    const auto line = request(plan, number);
    const auto start = now_ns();
    const auto answer = exchange(plan, line);
    client.latencies.add(now_ns() - start);
    if (answer.find("true") == std::string::npos) {
      ++client.refused;
      client.refusal = answer;
    }
    if (plan.pause.count() > 0) std::this_thread::sleep_for(plan.pause);
  }
}

int run(const Plan& plan) {
  std::vector<Client> clients(static_cast<std::size_t>(plan.clients));
  std::vector<std::thread> threads;
  std::atomic<int> next{0};
  const auto first = now_ns();
  for (auto& client : clients) {
    threads.emplace_back([&plan, &next, &client] { work(plan, next, client); });
  }
  for (auto& thread : threads) thread.join();
  const auto last = now_ns();

  Latencies all;
  int refused = 0;
  for (const auto& client : clients) {
    all.add(client.latencies);
    refused += client.refused;
    if (client.refused > 0) std::fprintf(stderr, "load: refused: %s\n", client.refusal.c_str());
  }
  std::printf(
      "{\"handed_off\": %zu, \"refused\": %d, \"first_ns\": %lld, \"last_ns\": %lld, "
      "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
      all.count(), refused, static_cast<long long>(first), static_cast<long long>(last),
      all.ms(0.5), all.ms(0.99), all.ms(1.0));
  return refused == 0 ? 0 : 1;
}

}  // namespace
}  // namespace charter::bench

int main(int argc, char** argv) {
  if (argc < 7) {
    std::fprintf(stderr, "usage: load SOCKET WORKFLOW PLAN PREFIX CLIENTS RUNS [PAUSE_MS]\n");
    return 2;
  }
  charter::bench::Plan plan{argv[1], argv[2], argv[3], argv[4]};
  plan.clients = std::atoi(argv[5]);
  plan.runs = std::atoi(argv[6]);
  if (argc > 7) plan.pause = std::chrono::milliseconds(std::atoi(argv[7]));
  return charter::bench::run(plan);
}
