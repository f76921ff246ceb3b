// The threat table of docs/SECURITY.md cannot rot: what it names as a test is one.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace charter::tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSource = CHARTER_SOURCE_DIR;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// "Suite.Name" of every test in the tree, parameterised ones without their values.
std::set<std::string> tests_of_the_tree() {
  static const std::regex kTest(R"(TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\))");
  std::set<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(kSource) / "tests")) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string text = text_of(entry.path());
    for (std::sregex_iterator at(text.begin(), text.end(), kTest), end; at != end; ++at) {
      found.insert((*at)[1].str() + "." + (*at)[2].str());
    }
  }
  return found;
}

struct Row {
  std::string threat;
  std::vector<std::string> named;  // in its last column, between backquotes
};

std::vector<Row> threats() {
  std::istringstream document(text_of(fs::path(kSource) / "docs/SECURITY.md"));
  std::vector<Row> rows;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("## ")) inside = line == "## Threats";
    if (!inside || !line.starts_with("| ") || line.starts_with("| threat |")) continue;
    Row row;
    row.threat = line.substr(2, line.find(" | ") - 2);
    const std::size_t last = line.rfind(" | ");
    std::istringstream column(last == std::string::npos ? "" : line.substr(last + 3));
    std::string name;
    for (bool quoted = false; std::getline(column, name, '`'); quoted = !quoted) {
      if (quoted) row.named.push_back(name);
    }
    rows.push_back(row);
  }
  return rows;
}

TEST(SecurityDocument, NamesATestForEveryThreatAndEachIsThere) {
  const auto tests = tests_of_the_tree();
  const auto rows = threats();
  ASSERT_GE(rows.size(), 30U) << "the table was not found";
  for (const Row& row : rows) {
    EXPECT_FALSE(row.named.empty()) << row.threat;
    for (const std::string& name : row.named) {
      const bool path = name.find('/') != std::string::npos;
      EXPECT_TRUE(path ? fs::exists(fs::path(kSource) / name) : tests.contains(name))
          << row.threat << ": " << name;
    }
  }
}

}  // namespace
}  // namespace charter::tests
