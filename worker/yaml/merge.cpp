#include "worker/yaml/merge.h"

#include <set>

#include "worker/json/unicode.h"

namespace charter::worker {
namespace {

using Pair = std::pair<YamlNode*, YamlNode*>;

constexpr std::size_t kMaxDepth = 200;  // merges inside merges

std::string kind_name(const YamlNode& node) {
  return node.kind == YamlNode::Kind::scalar ? "scalar" : "sequence";
}

// PyYAML 6.0.4 drops a merged pair when the very text object of its key was merged before. That
// is the same key node, or, since Python keeps one object of each, an empty text or a single
// character below U+0100. So of two maps in a list the first wins such keys, the last all others.
class SeenKeys {
 public:
  bool add(const YamlNode& key) {
    if (key.kind != YamlNode::Kind::scalar) return nodes_.insert(&key).second;
    std::size_t end = 0;
    if (!key.text.empty() && next_code_point(key.text, end) >= 0x100) end = 0;
    const bool shared = key.text.empty() || end == key.text.size();
    return shared ? texts_.insert(key.text).second : nodes_.insert(&key).second;
  }

 private:
  std::set<const YamlNode*> nodes_;
  std::set<std::string_view> texts_;
};

class Merger {
 public:
  Merger(YamlNode& mapping, const YamlSource& source, MergeBudget& budget)
      : mapping_(mapping), source_(source), budget_(budget) {}

  std::optional<YamlError> run() {
    std::vector<Pair> own;
    for (const Pair& pair : mapping_.pairs) {
      if (pair.first->tag == "merge") {
        if (auto error = merge(*pair.second)) return error;
        continue;
      }
      if (pair.first->tag == "value") pair.first->tag = "str";
      own.push_back(pair);
    }
    merged_.insert(merged_.end(), own.begin(), own.end());
    mapping_.pairs = std::move(merged_);
    return std::nullopt;
  }

 private:
  std::optional<YamlError> merge(YamlNode& value) {
    if (value.kind == YamlNode::Kind::mapping) return take(value);
    if (value.kind == YamlNode::Kind::scalar) {
      return fail("expected a mapping or list of mappings for merging, but found scalar", value);
    }
    for (YamlNode* item : value.items) {
      if (item->kind != YamlNode::Kind::mapping) {
        return fail("expected a mapping for merging, but found " + kind_name(*item), *item);
      }
      if (auto error = take(*item)) return error;
    }
    return std::nullopt;
  }

  std::optional<YamlError> take(YamlNode& other) {
    if (auto error = merge_pairs(other, source_, budget_)) return error;
    if (other.pairs.size() > budget_.pairs) return fail("merge keys copy too many values", other);
    budget_.pairs -= other.pairs.size();
    for (const Pair& pair : other.pairs) {
      if (seen_.add(*pair.first)) merged_.push_back(pair);
    }
    return std::nullopt;
  }

  std::optional<YamlError> fail(const std::string& problem, const YamlNode& found) {
    return yaml_error(source_, "while constructing a mapping", &mapping_.mark, problem, found.mark);
  }

  YamlNode& mapping_;
  const YamlSource& source_;
  MergeBudget& budget_;
  std::vector<Pair> merged_;
  SeenKeys seen_;
};

}  // namespace

std::optional<YamlError> merge_pairs(YamlNode& mapping, const YamlSource& source,
                                     MergeBudget& budget) {
  if (mapping.merged) return std::nullopt;
  mapping.merged = true;
  if (++budget.depth > kMaxDepth) {
    return yaml_error(source, "", nullptr, "merge keys inside merge keys too deep", mapping.mark);
  }
  auto error = Merger(mapping, source, budget).run();
  --budget.depth;
  return error;
}

}  // namespace charter::worker
