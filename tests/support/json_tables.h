// The tables of docs/CLIENT.md that say what commands print with --json, and whether a line fits.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace charter::tests {

class JsonTables {
 public:
  // Every "### JSON of NAME" in the text with the table below it. Throws when a table cannot be
  // read, or names a type that there is none of.
  explicit JsonTables(std::string_view document);

  [[nodiscard]] bool has(const std::string& name) const { return tables_.contains(name); }
  // What of the value the table does not have or has otherwise, and what of the table the value
  // lacks, a line each; empty when both agree.
  [[nodiscard]] std::string differences(const std::string& name,
                                        const boost::json::value& value) const;

 private:
  using Row = std::set<std::string>;  // types
  using Table = std::map<std::string, Row>;

  void add_row(Table& table, std::string_view line) const;
  void compare(const Table& table, const std::string& path, const boost::json::value& value,
               std::vector<std::string>& found) const;
  void compare_members(const Table& table, const std::string& prefix,
                       const boost::json::object& object, std::vector<std::string>& found) const;

  std::map<std::string, Table> tables_;
};

}  // namespace charter::tests
