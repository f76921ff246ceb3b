#include "tests/support/json_tables.h"

#include <sstream>
#include <stdexcept>

namespace charter::tests {
namespace {

const std::set<std::string> kKinds{"text", "number", "truth", "list", "object", "null", "absent"};

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

std::string without_ticks(std::string text) {
  std::erase(text, '`');
  return text;
}

std::string kind_of(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::string:
      return "text";
    case boost::json::kind::bool_:
      return "truth";
    case boost::json::kind::array:
      return "list";
    case boost::json::kind::object:
      return "object";
    case boost::json::kind::null:
      return "null";
    default:
      return "number";
  }
}

// The table that a type names, without "a"; empty for a kind of JSON.
std::string named(const std::string& type) {
  if (kKinds.contains(type)) return {};
  return type;
}

}  // namespace

JsonTables::JsonTables(std::string_view document) {
  constexpr std::string_view kHeading = "### JSON of ";
  std::istringstream lines{std::string(document)};
  Table* table = nullptr;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kHeading)) {
      table = &tables_[without_ticks(line.substr(kHeading.size()))];
    } else if (line.starts_with('#')) {
      table = nullptr;
    } else if (table != nullptr && line.starts_with("| `")) {
      add_row(*table, line);
    }
  }
  for (const auto& [name, rows] : tables_) {
    if (rows.empty()) throw std::runtime_error("no rows below JSON of " + name);
    for (const auto& [path, types] : rows) {
      for (const std::string& type : types) {
        if (!named(type).empty() && !has(type)) {
          throw std::runtime_error("JSON of " + name + ": " + path + " is " + type);
        }
      }
    }
  }
}

void JsonTables::add_row(Table& table, std::string_view line) const {
  const auto second = line.find('|', 1);
  const auto third = line.find('|', second + 1);
  if (third == std::string_view::npos) throw std::runtime_error("a row: " + std::string(line));
  const std::string path = without_ticks(trimmed(line.substr(1, second - 1)));
  std::string types = trimmed(line.substr(second + 1, third - second - 1));
  Row row;
  constexpr std::string_view kOr = " or ";
  for (auto at = types.find(kOr); at != std::string::npos; at = types.find(kOr)) {
    row.insert(types.substr(0, at));
    types.erase(0, at + kOr.size());
  }
  row.insert(types);
  if (!table.emplace(path, row).second) throw std::runtime_error("twice: " + path);
}

std::string JsonTables::differences(const std::string& name,
                                    const boost::json::value& value) const {
  std::vector<std::string> found;
  if (!has(name)) return "there is no table of " + name + "\n";
  if (!value.is_object()) return "no object\n";
  compare_members(tables_.at(name), "", value.get_object(), found);
  std::string text;
  for (const std::string& one : found) text += name + ": " + one + "\n";
  return text;
}

void JsonTables::compare_members(const Table& table, const std::string& prefix,
                                 const boost::json::object& object,
                                 std::vector<std::string>& found) const {
  bool fixed = prefix.empty();
  for (const auto& [path, types] : table) {
    if (!path.starts_with(prefix)) continue;
    const std::string rest = path.substr(prefix.size());
    if (rest.find_first_of(".[") != std::string::npos) continue;
    fixed = true;
    if (!object.contains(rest) && !types.contains("absent")) found.push_back(path + " is missing");
  }
  if (!fixed) return;
  for (const auto& member : object) {
    compare(table, prefix + std::string(member.key()), member.value(), found);
  }
}

void JsonTables::compare(const Table& table, const std::string& path,
                         const boost::json::value& value, std::vector<std::string>& found) const {
  const auto row = table.find(path);
  if (row == table.end()) {
    found.push_back(path + " is not in the table");
    return;
  }
  const std::string kind = kind_of(value);
  if (kind == "object") {
    for (const std::string& type : row->second) {
      if (named(type).empty()) continue;
      const std::string inside = differences(type, value);
      if (!inside.empty()) found.push_back(path + ": " + inside);
      return;
    }
  }
  if (!row->second.contains(kind)) {
    found.push_back(path + " is " + kind);
  } else if (kind == "object") {
    compare_members(table, path + ".", value.get_object(), found);
  } else if (kind == "list") {
    for (const auto& element : value.get_array()) compare(table, path + "[]", element, found);
  }
}

}  // namespace charter::tests
