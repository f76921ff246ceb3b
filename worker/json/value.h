// One JSON value with Python's forms: integers of any size, floats as float.__repr__ writes them,
// ordered objects in which the last duplicate key wins (keeping the first one's place). Text is
// UTF-8 in which a lone surrogate, which JSON can escape, is kept as its three bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ipc/error.h"

namespace charter::worker {

class Value;
using Array = std::vector<Value>;

// Insertion-ordered map, as dict is. A key that is not text (YAML has them) is stored encoded, see
// json/keys.h; JSON never makes one.
class Object {
 public:
  using Entry = std::pair<std::string, Value>;

  [[nodiscard]] const Value* find(std::string_view key) const;
  [[nodiscard]] Value* find(std::string_view key);
  // Replaces in place when the key is there, else appends.
  void set(std::string key, Value value);
  bool erase(std::string_view key);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const;
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] auto begin() const;
  [[nodiscard]] auto end() const;

 private:
  [[nodiscard]] std::size_t locate(std::string_view key) const;
  void build_index() const;

  std::vector<Entry> entries_;
  // Past a few entries lookups go through a hash index built on demand: a power of two of slots,
  // each 0 or one more than an entry's place.
  mutable std::vector<std::size_t> index_;
};

// An int as Python has it: its canonical decimal digits, any size.
struct Integer {
  std::string digits;
  bool operator==(const Integer&) const = default;
};

// What YAML can make and JSON cannot hold (dates, sets, binary, ...): kept so that the plan's
// checks can name it. `type` is Python's type name, `repr` its repr(), `text` its str().
struct Foreign {
  std::string type;
  std::string repr;
  std::string text;
};

class Value {
 public:
  enum class Kind { null, boolean, integer, real, string, array, object, foreign };

  Value() = default;
  Value(std::nullptr_t) {}
  explicit Value(bool flag) : data_(flag) {}
  explicit Value(Integer number) : data_(std::move(number)) {}
  explicit Value(double number) : data_(number) {}
  explicit Value(std::string text) : data_(std::move(text)) {}
  explicit Value(std::string_view text) : data_(std::string(text)) {}
  explicit Value(const char* text) : data_(std::string(text)) {}
  explicit Value(Array items) : data_(std::move(items)) {}
  explicit Value(Object members) : data_(std::move(members)) {}
  explicit Value(Foreign foreign) : data_(std::make_shared<const Foreign>(std::move(foreign))) {}
  [[nodiscard]] static Value integer(long long number);

  [[nodiscard]] Kind kind() const { return static_cast<Kind>(data_.index()); }
  [[nodiscard]] bool is_null() const { return kind() == Kind::null; }
  [[nodiscard]] bool is_string() const { return kind() == Kind::string; }
  [[nodiscard]] bool is_object() const { return kind() == Kind::object; }
  [[nodiscard]] bool is_array() const { return kind() == Kind::array; }
  [[nodiscard]] bool is_bool() const { return kind() == Kind::boolean; }
  [[nodiscard]] bool is_number() const { return kind() == Kind::integer || kind() == Kind::real; }

  // Each throws std::bad_variant_access when the kind is another.
  [[nodiscard]] bool as_bool() const { return std::get<bool>(data_); }
  [[nodiscard]] const Integer& as_integer() const { return std::get<Integer>(data_); }
  [[nodiscard]] double as_real() const { return std::get<double>(data_); }
  [[nodiscard]] const std::string& as_string() const { return std::get<std::string>(data_); }
  [[nodiscard]] const Array& as_array() const { return std::get<Array>(data_); }
  [[nodiscard]] Array& as_array() { return std::get<Array>(data_); }
  [[nodiscard]] const Object& as_object() const { return std::get<Object>(data_); }
  [[nodiscard]] Object& as_object() { return std::get<Object>(data_); }
  [[nodiscard]] const Foreign& as_foreign() const {
    return *std::get<std::shared_ptr<const Foreign>>(data_);
  }

  // An integer that fits, else nothing.
  [[nodiscard]] std::optional<long long> small_integer() const;

  // Python's ==: 1 == 1.0 == True, objects without regard to order.
  friend bool operator==(const Value& left, const Value& right);

 private:
  // The rare foreign value lies outside, so that all others stay small.
  std::variant<std::monostate, bool, Integer, double, std::string, Array, Object,
               std::shared_ptr<const Foreign>>
      data_;
};

inline auto Object::begin() const { return entries_.begin(); }
inline auto Object::end() const { return entries_.end(); }

// How json.dumps is called.
struct DumpStyle {
  int indent = -1;         // -1: one line
  bool compact = false;    // "," and ":" instead of ", " and ": " (one-line only)
  bool ascii = true;       // \uXXXX for everything outside ASCII
  bool sort_keys = false;  // by code point
  bool finite = false;     // NaN and Infinity become null (the wire), else as Python writes them
};
inline constexpr DumpStyle kPythonDefault{};         // environments, templates, kv.json
inline constexpr DumpStyle kStateFile{.indent = 2};  // state files, exports
inline constexpr DumpStyle kWire{.compact = true, .ascii = false, .finite = true};
inline constexpr DumpStyle kAudit{.compact = true, .sort_keys = true};

// A foreign value is written as null; ask json_fault() first where one can be.
[[nodiscard]] std::string dump(const Value& value, const DumpStyle& style = kPythonDefault);
// Appends instead, the lines after the first indented by `depth` levels.
void dump_to(std::string& out, const Value& value, const DumpStyle& style, int depth = 0);
// Why json.dumps would refuse the value, in its words; nothing when it would not. `finite` also
// refuses NaN and infinities.
[[nodiscard]] std::optional<std::string> json_fault(const Value& value, bool finite = false);
// Python's repr() of the value (as in "got None", "['a', 'b']", "{'a': 1}").
[[nodiscard]] std::string repr(const Value& value);
// Python's repr() of a float: 1.0, 1e+16, 1e-05, inf, nan.
[[nodiscard]] std::string repr(double number);
// type(value).__name__: NoneType, bool, int, float, str, list, dict, or a foreign value's.
[[nodiscard]] std::string_view type_name(const Value& value);

// How deep what steps, integrations and people say may nest, and what is kept of it in files, where
// it lies a few levels deeper.
inline constexpr std::size_t kMostNesting = 900;
inline constexpr std::size_t kKeptNesting = 1000;
[[nodiscard]] bool nests_deeper(const Value& value, std::size_t most);

// Parses as Python's json.loads does: NaN and Infinity, last duplicate key wins, 1E400 is
// infinite, integers of any size. Errors are in its words, which name what and where without
// quoting the text.
[[nodiscard]] ipc::Result<Value> parse_json(std::string_view text,
                                            std::size_t most_nesting = kMostNesting);

}  // namespace charter::worker
