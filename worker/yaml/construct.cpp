#include "worker/yaml/construct.h"

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/yaml/merge.h"
#include "worker/yaml/scalar.h"

namespace charter::worker {
namespace {

std::string_view kind_name(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::scalar:
      return "scalar";
    case YamlNode::Kind::sequence:
      return "sequence";
    case YamlNode::Kind::mapping:
      return "mapping";
  }
  return {};
}

// One visit of a node, aliases expanded. What a collection holds comes behind it in one piece: its
// items, or keys and values in turns.
struct Part {
  YamlNode* node;
  std::size_t depth;
  Value value;
  std::size_t first = 0;  // of what it holds
  std::size_t count = 0;
};

bool is_collection(const YamlNode& node) {
  return node.tag == "map" || node.tag == "seq" || node.tag == "set" || node.tag == "omap" ||
         node.tag == "pairs";
}

// Looks at the graph level by level, since PyYAML fills a collection after all that stands beside
// it: of two faults the one that is less deep is told. Then fills from the last part to the first.
class Constructor {
 public:
  Constructor(const YamlDocument& document, const YamlSource& source, const YamlLimits& limits)
      : source_(source), limits_(limits) {
    budget_.pairs = limits.max_values;
    parts_.reserve(document.nodes.size());
  }

  boost::system::result<Value, YamlError> run(YamlNode& root) {
    add(root, 1);
    for (std::size_t at = 0; !error_ && at < parts_.size(); ++at) {
      if (is_collection(*parts_[at].node)) open(at);
    }
    if (error_) return std::move(*error_);
    for (std::size_t at = parts_.size(); at-- > 0;) {
      if (is_collection(*parts_[at].node)) fill(parts_[at]);
    }
    return std::move(parts_.front().value);
  }

 private:
  Value fail(const YamlNode& node, std::string_view problem, std::string_view context = {},
             const YamlNode* around = nullptr) {
    if (!error_) {
      error_ = yaml_error(source_, context, around == nullptr ? nullptr : &around->mark, problem,
                          node.mark);
    }
    return {};
  }

  bool within_limits(const YamlNode& node) {
    text_ += node.text.size();
    if (parts_.size() < limits_.max_values && text_ <= limits_.max_text) return true;
    fail(node, parts_.size() >= limits_.max_values ? too_many_values() : too_much_text());
    return false;
  }

  [[nodiscard]] std::string too_many_values() const {
    return "aliases expand to more than " + std::to_string(limits_.max_values) + " values";
  }
  [[nodiscard]] std::string too_much_text() const {
    return "aliases expand to more than " + std::to_string(limits_.max_text) + " bytes";
  }

  void add(YamlNode& node, std::size_t depth) {
    if (error_ || !within_limits(node)) return;
    // Aliases inside aliases nest deeper than the text does.
    if (depth > limits_.max_depth) {
      fail(node, "nested more than " + std::to_string(limits_.max_depth) + " deep");
      return;
    }
    parts_.push_back({&node, depth, is_collection(node) ? Value() : construct_scalar(node)});
  }

  void open(std::size_t at) {
    YamlNode& node = *parts_[at].node;
    const std::size_t depth = parts_[at].depth + 1;
    parts_[at].first = parts_.size();
    if (node.tag == "seq") {
      open_sequence(node, depth);
    } else if (node.tag == "map" || node.tag == "set") {
      open_mapping(node, depth);
    } else {
      open_pairs(node, depth);
    }
    parts_[at].count = parts_.size() - parts_[at].first;
  }

  void open_sequence(const YamlNode& node, std::size_t depth) {
    if (node.kind != YamlNode::Kind::sequence) {
      fail(node, "expected a sequence node, but found " + std::string(kind_name(node)));
      return;
    }
    for (YamlNode* item : node.items) add(*item, depth);
  }

  void open_mapping(YamlNode& node, std::size_t depth) {
    if (node.kind != YamlNode::Kind::mapping) {
      fail(node, "expected a mapping node, but found " + std::string(kind_name(node)));
      return;
    }
    if (auto error = merge_pairs(node, source_, budget_)) {
      if (!error_) error_ = std::move(error);
      return;
    }
    for (const auto& [key, value] : node.pairs) {
      add(*key, depth);
      if (is_collection(*key)) {
        fail(*key, "found unhashable key", "while constructing a mapping", &node);
      }
      add(*value, depth);
    }
  }

  void open_pairs(const YamlNode& node, std::size_t depth) {
    const std::string context =
        node.tag == "omap" ? "while constructing an ordered map" : "while constructing pairs";
    if (node.kind != YamlNode::Kind::sequence) {
      fail(node, "expected a sequence, but found " + std::string(kind_name(node)), context, &node);
      return;
    }
    for (const YamlNode* item : node.items) {
      if (item->kind != YamlNode::Kind::mapping) {
        fail(*item, "expected a mapping of length 1, but found " + std::string(kind_name(*item)),
             context, &node);
        return;
      }
      if (item->pairs.size() != 1) {
        fail(*item,
             "expected a single mapping item, but found " + std::to_string(item->pairs.size()) +
                 " items",
             context, &node);
        return;
      }
      add(*item->pairs[0].first, depth);
      add(*item->pairs[0].second, depth);
    }
  }

  void fill(Part& part) {
    if (part.node->tag == "map") {
      part.value = Value(members_of(part));
    } else if (part.node->tag == "set") {
      part.value = set_of(members_of(part));
    } else {
      part.value = Value(part.node->tag == "seq" ? items_of(part) : pairs_of(part));
    }
  }

  Object members_of(const Part& part) {
    Object members;
    for (std::size_t at = part.first; at < part.first + part.count; at += 2) {
      set_scalar_key(members, parts_[at].value, std::move(parts_[at + 1].value));
    }
    return members;
  }

  Array items_of(const Part& part) {
    Array items;
    items.reserve(part.count);
    for (std::size_t at = part.first; at < part.first + part.count; ++at) {
      items.push_back(std::move(parts_[at].value));
    }
    return items;
  }

  // Pairs are tuples in Python, which JSON writes as lists.
  Array pairs_of(const Part& part) {
    Array pairs;
    pairs.reserve(part.count / 2);
    for (std::size_t at = part.first; at < part.first + part.count; at += 2) {
      Array pair;
      pair.push_back(std::move(parts_[at].value));
      pair.push_back(std::move(parts_[at + 1].value));
      pairs.emplace_back(std::move(pair));
    }
    return pairs;
  }

  static Value set_of(const Object& members) {
    std::string text;
    for (const auto& member : members) {
      text += (text.empty() ? "{" : ", ") + repr(decode_key(member.first));
    }
    text = text.empty() ? "set()" : text + "}";
    return Value(Foreign{"set", text, text});
  }

  Value construct_scalar(YamlNode& node) {
    if (node.tag == "str") return Value(scalar_text(node));
    if (node.tag == "null") {
      scalar_text(node);
      return {};
    }
    using Make = ScalarResult (*)(std::string_view);
    Make make = nullptr;
    if (node.tag == "int") make = yaml_int;
    if (node.tag == "bool") make = yaml_bool;
    if (node.tag == "float") make = yaml_float;
    if (node.tag == "timestamp") make = yaml_timestamp;
    if (node.tag == "binary") make = yaml_binary;
    if (make == nullptr) {
      return fail(node, "could not determine a constructor for the tag " + repr(whole_tag(node)));
    }
    const std::string text = scalar_text(node);
    if (error_) return {};
    ScalarResult value = make(text);
    if (value) return std::move(*value);
    if (node.tag == "binary") return fail(node, value.error().text);
    error_ = YamlError{YamlError::Kind::value, value.error().text};
    return {};
  }

  static std::string_view whole_tag(YamlNode& node) {
    const bool foreign = node.tag.starts_with('!') || node.tag.find(':') != std::string::npos;
    if (!foreign) node.tag = std::string(kYamlTags) + node.tag;
    return node.tag;
  }

  // A scalar's text, or that of the value a mapping gives to its key `=`. That may be such a
  // mapping itself, and an alias, so that each of a million values could follow a million others.
  std::string scalar_text(const YamlNode& node) {
    const YamlNode* at = &node;
    while (at->kind != YamlNode::Kind::scalar) {
      const YamlNode* next = nullptr;
      for (const auto& [key, value] : at->pairs) {
        if (++followed_ > limits_.max_values) {
          fail(node, too_many_values());
          return {};
        }
        if (key->tag != "value") continue;
        next = value;
        break;
      }
      if (next == nullptr) {
        fail(*at, "expected a scalar node, but found " + std::string(kind_name(*at)));
        return {};
      }
      at = next;
    }
    // The text of a scalar that is no alias was counted when it was added.
    if (at != &node && (text_ += at->text.size()) > limits_.max_text) {
      fail(node, too_much_text());
      return {};
    }
    return at->text;
  }

  YamlSource source_;
  const YamlLimits& limits_;
  std::vector<Part> parts_;
  std::size_t text_ = 0;
  std::size_t followed_ = 0;  // pairs looked at for a scalar's text
  MergeBudget budget_;
  std::optional<YamlError> error_;
};

}  // namespace

boost::system::result<Value, YamlError> construct_yaml(YamlDocument& document,
                                                       const YamlSource& source,
                                                       const YamlLimits& limits) {
  if (document.root == nullptr) return Value();
  return Constructor(document, source, limits).run(*document.root);
}

}  // namespace charter::worker
