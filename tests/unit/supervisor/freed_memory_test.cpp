#include "supervisor/freed_memory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace charter::supervisor {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOwnAllocator = false;
#else
constexpr bool kOwnAllocator = true;
#endif

std::size_t resident_kb() {
  std::ifstream lines("/proc/self/status");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("RssAnon:")) return std::stoul(line.substr(8));
  }
  return 0;
}

// What many runs needed for a moment, with something that lasts behind it.
TEST(FreedMemory, GoesBackToTheSystem) {
  if (!kOwnAllocator) GTEST_SKIP() << "a sanitizer's allocator keeps what it likes";
  const std::size_t before = resident_kb();
  std::vector<std::unique_ptr<std::string>> crowd;
  for (int i = 0; i < 20'000; ++i) crowd.push_back(std::make_unique<std::string>(1024, 'x'));
  const auto lasts = std::make_unique<std::string>(1024, 'x');
  ASSERT_GT(resident_kb(), before + 16'384);
  crowd.clear();
  ASSERT_GT(resident_kb(), before + 16'384) << "nothing is kept that could be given back";
  give_back_freed_memory();
  EXPECT_LT(resident_kb(), before + 4096);
}

}  // namespace
}  // namespace charter::supervisor
