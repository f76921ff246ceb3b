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

// Walks the graph, aliases expanded; once `error_` is set every function returns null.
class Constructor {
 public:
  Constructor(const YamlSource& source, const YamlLimits& limits)
      : source_(source), limits_(limits) {
    budget_.pairs = limits.max_values;
  }

  boost::system::result<Value, YamlError> run(YamlNode& root) {
    Value value = construct(root);
    if (error_) return std::move(*error_);
    return value;
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
    if (++values_ <= limits_.max_values && text_ <= limits_.max_text) return true;
    fail(node, values_ > limits_.max_values
                   ? "aliases expand to more than " + std::to_string(limits_.max_values) + " values"
                   : "aliases expand to more than " + std::to_string(limits_.max_text) + " bytes");
    return false;
  }

  // Aliases inside aliases nest deeper than the text does.
  Value construct(YamlNode& node) {
    if (error_ || !within_limits(node)) return {};
    if (++depth_ > limits_.max_depth) {
      return fail(node, "nested more than " + std::to_string(limits_.max_depth) + " deep");
    }
    Value value = construct_tagged(node);
    --depth_;
    return value;
  }

  Value construct_tagged(YamlNode& node) {
    if (node.tag == "map") return construct_map(node);
    if (node.tag == "seq") return construct_sequence(node);
    if (node.tag == "set") return construct_set(node);
    if (node.tag == "omap") return construct_pairs(node, "while constructing an ordered map");
    if (node.tag == "pairs") return construct_pairs(node, "while constructing pairs");
    return construct_scalar(node);
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

  // A scalar's text, or that of the value a mapping gives to its key `=`.
  std::string scalar_text(const YamlNode& node) {
    if (node.kind == YamlNode::Kind::scalar) return node.text;
    for (const auto& [key, value] : node.pairs) {
      if (key->tag == "value") return scalar_text(*value);
    }
    fail(node, "expected a scalar node, but found " + std::string(kind_name(node)));
    return {};
  }

  Value construct_sequence(YamlNode& node) {
    if (node.kind != YamlNode::Kind::sequence) {
      return fail(node, "expected a sequence node, but found " + std::string(kind_name(node)));
    }
    Array items;
    items.reserve(node.items.size());
    for (YamlNode* item : node.items) {
      items.push_back(construct(*item));
      if (error_) return {};
    }
    return Value(std::move(items));
  }

  Value construct_map(YamlNode& node) {
    Object members;
    read_mapping(node, members);
    return Value(std::move(members));
  }

  void read_mapping(YamlNode& node, Object& members) {
    if (node.kind != YamlNode::Kind::mapping) {
      fail(node, "expected a mapping node, but found " + std::string(kind_name(node)));
      return;
    }
    if (auto error = merge_pairs(node, source_, budget_)) {
      if (!error_) error_ = std::move(error);
      return;
    }
    for (const auto& [key_node, value_node] : node.pairs) {
      const Value key = construct(*key_node);
      if (!error_ && !is_hashable(key)) {
        fail(*key_node, "found unhashable key", "while constructing a mapping", &node);
      }
      Value value = construct(*value_node);
      if (error_) return;
      set_scalar_key(members, key, std::move(value));
    }
  }

  Value construct_set(YamlNode& node) {
    Object members;
    read_mapping(node, members);
    std::string text;
    for (const auto& member : members) {
      text += (text.empty() ? "{" : ", ") + repr(decode_key(member.first));
    }
    text = text.empty() ? "set()" : text + "}";
    return Value(Foreign{"set", text, text});
  }

  // Pairs are tuples in Python, which JSON writes as lists.
  Value construct_pairs(YamlNode& node, std::string_view context) {
    if (node.kind != YamlNode::Kind::sequence) {
      return fail(node, "expected a sequence, but found " + std::string(kind_name(node)), context,
                  &node);
    }
    Array pairs;
    for (YamlNode* item : node.items) {
      if (item->kind != YamlNode::Kind::mapping) {
        return fail(*item,
                    "expected a mapping of length 1, but found " + std::string(kind_name(*item)),
                    context, &node);
      }
      if (item->pairs.size() != 1) {
        return fail(*item,
                    "expected a single mapping item, but found " +
                        std::to_string(item->pairs.size()) + " items",
                    context, &node);
      }
      Array pair;
      pair.push_back(construct(*item->pairs[0].first));
      pair.push_back(construct(*item->pairs[0].second));
      if (error_) return {};
      pairs.emplace_back(std::move(pair));
    }
    return Value(std::move(pairs));
  }

  YamlSource source_;
  const YamlLimits& limits_;
  std::size_t values_ = 0;
  std::size_t text_ = 0;
  std::size_t depth_ = 0;
  MergeBudget budget_;
  std::optional<YamlError> error_;
};

}  // namespace

boost::system::result<Value, YamlError> construct_yaml(YamlDocument& document,
                                                       const YamlSource& source,
                                                       const YamlLimits& limits) {
  if (document.root == nullptr) return Value();
  return Constructor(source, limits).run(*document.root);
}

}  // namespace charter::worker
