#include "worker/plan/toml.h"

#include <algorithm>
#include <set>

#include "worker/json/unicode.h"
#include "worker/plan/toml_scalar.h"

namespace charter::worker {
namespace {

constexpr std::size_t kMaxDepth = 100;  // tables of headers and keys included

bool is_bare(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '_' || letter == '-';
}

using Key = std::vector<std::string>;

// Reads statement by statement; once `fault_` is set every function returns at once.
class TomlReader {
 public:
  explicit TomlReader(std::string_view text) : in_(text) {}

  boost::system::result<Value, TomlFault> run() {
    Value root{Object()};
    Value* table = &root;
    while (ok() && skip_blank_lines()) {
      if (in_.peek() == '[') {
        table = read_header(root);
      } else {
        read_pair(*table);
      }
      if (ok()) end_line();
    }
    if (in_.fault) return TomlFault{*in_.fault + " (at line " + std::to_string(in_.line()) + ")"};
    return root;
  }

 private:
  [[nodiscard]] bool ok() const { return !in_.fault; }

  void skip_comment() {
    if (in_.peek() != '#') return;
    while (!in_.done() && in_.peek() != '\n') in_.skip();
  }

  // Also comments; false at the end of the text.
  bool skip_blank_lines() {
    for (;;) {
      in_.skip_spaces();
      skip_comment();
      if (!in_.accept('\n')) return !in_.done();
    }
  }

  void end_line() {
    in_.skip_spaces();
    skip_comment();
    if (!in_.done() && !in_.accept('\n')) in_.fail("expected the end of the line");
  }

  std::string read_key_part() {
    if (in_.peek() == '"' || in_.peek() == '\'') return read_toml_string(in_, false);
    std::string part;
    while (is_bare(in_.peek())) part += in_.take();
    if (part.empty()) in_.fail("expected a key");
    return part;
  }

  Key read_key() {
    Key key;
    do {
      in_.skip_spaces();
      key.push_back(read_key_part());
      in_.skip_spaces();
    } while (ok() && in_.accept('.'));
    return key;
  }

  // The table that `name` leads to inside `table`, made where it is missing; of an array of
  // tables its last.
  Value* descend(Value* table, const std::string& name) {
    Object& members = table->as_object();
    Value* next = members.find(name);
    if (next == nullptr) {
      members.set(name, Value(Object()));
      return members.find(name);
    }
    if (next->is_array() && !next->as_array().empty()) next = &next->as_array().back();
    if (next->is_object()) return next;
    in_.fail("key is no table");
    return nullptr;
  }

  // What follows lies `parts` deeper: each part of a key is a table.
  void enter(std::size_t parts) {
    depth_ += parts;
    if (depth_ > kMaxDepth) in_.fail("nested too deeply");
  }

  Value* read_header(Value& root) {
    in_.skip();
    const bool repeated = in_.accept('[');
    const Key key = read_key();
    depth_ = 0;
    enter(key.size());
    if (!in_.accept(']') || (repeated && !in_.accept(']'))) in_.fail("expected ']'");
    Value* table = &root;
    for (std::size_t i = 0; ok() && i + 1 < key.size(); ++i) table = descend(table, key[i]);
    if (!ok()) return &root;
    Value* found = repeated ? append_table(*table, key) : open_table(table, key);
    return found == nullptr ? &root : found;
  }

  static std::string whole_name(const Key& key) {
    std::string whole;
    for (const std::string& part : key) whole += part + '\0';
    return whole;
  }

  Value* open_table(Value* parent, const Key& key) {
    Value* known = parent->as_object().find(key.back());
    if ((known != nullptr && known->is_array()) || !tables_.insert(whole_name(key)).second) {
      in_.fail("table declared twice");
      return nullptr;
    }
    return descend(parent, key.back());
  }

  Value* append_table(Value& parent, const Key& key) {
    Object& members = parent.as_object();
    if (members.find(key.back()) == nullptr) members.set(key.back(), Value(Array()));
    Value* list = members.find(key.back());
    if (!list->is_array()) {
      in_.fail("key is no array of tables");
      return nullptr;
    }
    // Tables below an earlier element may be declared again below this one.
    const std::string whole = whole_name(key);
    auto below = tables_.lower_bound(whole);
    while (below != tables_.end() && below->starts_with(whole)) below = tables_.erase(below);
    list->as_array().emplace_back(Object());
    return &list->as_array().back();
  }

  void read_pair(Value& table) {
    const Key key = read_key();
    if (ok() && !in_.accept('=')) in_.fail("expected '=' after a key");
    in_.skip_spaces();
    enter(key.size() - 1);
    Value value = ok() ? read_value() : Value();
    depth_ -= key.size() - 1;
    Value* target = &table;
    for (std::size_t i = 0; ok() && i + 1 < key.size(); ++i) target = descend(target, key[i]);
    if (!ok()) return;
    if (target->as_object().find(key.back()) != nullptr) {
      in_.fail("key set twice");
      return;
    }
    target->as_object().set(key.back(), std::move(value));
  }

  Value read_value() {
    enter(1);
    Value value;
    if (!ok()) {
    } else if (in_.peek() == '[') {
      value = read_array();
    } else if (in_.peek() == '{') {
      value = read_inline_table();
    } else if (in_.peek() == '"' || in_.peek() == '\'') {
      value = Value(read_toml_string(in_, true));
    } else {
      value = read_toml_scalar(in_);
    }
    --depth_;
    return value;
  }

  Value read_array() {
    Array items;
    in_.skip();
    for (;;) {
      if (!skip_blank_lines()) in_.fail("unclosed array");
      if (!ok() || in_.accept(']')) break;
      items.push_back(read_value());
      skip_blank_lines();
      if (in_.accept(',')) continue;
      if (!in_.accept(']')) in_.fail("unclosed array");
      break;
    }
    return Value(std::move(items));
  }

  Value read_inline_table() {
    Value table{Object()};
    in_.skip();
    in_.skip_spaces();
    if (in_.accept('}')) return table;
    do {
      read_pair(table);
      in_.skip_spaces();
    } while (ok() && in_.accept(','));
    if (ok() && !in_.accept('}')) in_.fail("unclosed inline table");
    return table;
  }

  TomlInput in_;
  std::set<std::string> tables_;  // the headers seen
  std::size_t depth_ = 0;
};

}  // namespace

boost::system::result<Value, TomlFault> read_toml(std::string_view text) {
  if (std::string fault = utf8_fault(text); !fault.empty()) return TomlFault{std::move(fault)};
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text.substr(at, 2) != "\r\n") plain += text[at];
  }
  return TomlReader(plain).run();
}

}  // namespace charter::worker
