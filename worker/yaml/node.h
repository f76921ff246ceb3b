// A YAML document as a graph of nodes, tags resolved, before it becomes a value.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "worker/yaml/error.h"

namespace charter::worker {

inline constexpr std::string_view kYamlTags = "tag:yaml.org,2002:";

struct YamlNode {
  enum class Kind { scalar, sequence, mapping };
  Kind kind = Kind::scalar;
  std::string tag;  // YAML's own without their prefix ("int"), others whole
  std::string text;
  std::vector<YamlNode*> items;
  std::vector<std::pair<YamlNode*, YamlNode*>> pairs;
  YamlMark mark;
  bool whole = false;   // everything in it has been read; an alias to it is no loop
  bool merged = false;  // its merge keys have been replaced by what they stand for
};

struct YamlDocument {
  std::deque<YamlNode> nodes;  // owns; nodes point at one another
  YamlNode* root = nullptr;    // null: an empty stream
};

}  // namespace charter::worker
