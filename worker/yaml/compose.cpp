#include "worker/yaml/compose.h"

#include <yaml.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "worker/json/python.h"
#include "worker/yaml/scalar.h"
#include "worker/yaml/words.h"

namespace charter::worker {
namespace {

YamlMark mark_of(const yaml_mark_t& mark) { return {mark.index, mark.line, mark.column}; }

std::string_view text_of(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

// A libyaml event that frees itself.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&raw_); }
  yaml_event_t* get() { return &raw_; }
  const yaml_event_t* operator->() const { return &raw_; }

 private:
  yaml_event_t raw_{};
};

// A tag without YAML's own prefix, but for tags that would then look like foreign ones; nothing
// where the text decides.
std::optional<std::string> tag_of(const yaml_char_t* tag) {
  std::string_view text = text_of(tag);
  if (text.empty() || text == "!") return std::nullopt;
  if (text.starts_with(kYamlTags) && text.find(':', kYamlTags.size()) == std::string_view::npos) {
    text.remove_prefix(kYamlTags.size());
  }
  return std::string(text);
}

class Composer {
 public:
  Composer(std::string_view text, const YamlSource& source, const YamlLimits& limits)
      : text_(text), source_(source), limits_(limits) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Composer(const Composer&) = delete;
  Composer& operator=(const Composer&) = delete;
  ~Composer() { yaml_parser_delete(&parser_); }

  boost::system::result<YamlDocument, YamlError> run() {
    while (!error_ && !ended_) {
      Event event;
      if (!next(event)) break;
      if (event->type == YAML_STREAM_END_EVENT) ended_ = true;
      if (event->type == YAML_DOCUMENT_START_EVENT) begin_document(event);
    }
    if (error_) return std::move(*error_);
    return std::move(document_);
  }

 private:
  using Step = YamlNode*;  // null after an error

  void fail(std::string_view context, const YamlMark* context_mark, std::string_view problem,
            const YamlMark& mark) {
    if (!error_) error_ = yaml_error(source_, context, context_mark, problem, mark);
  }

  bool next(Event& event) {
    if (yaml_parser_parse(&parser_, event.get()) != 0) return true;
    const std::string_view problem = parser_.problem == nullptr ? "unreadable" : parser_.problem;
    if (parser_.error == YAML_READER_ERROR) {
      if (!error_) error_ = unreadable(problem);
      return false;
    }
    const bool has_context = parser_.context != nullptr;
    const YamlComplaint said =
        in_pyyaml_words({has_context ? parser_.context : "", mark_of(parser_.context_mark),
                         std::string(problem), mark_of(parser_.problem_mark)},
                        text_);
    fail(said.context, has_context ? &said.context_mark : nullptr, said.problem, said.mark);
    return false;
  }

  // A character that YAML does not allow anywhere.
  [[nodiscard]] YamlError unreadable(std::string_view problem) const {
    std::string text(problem);
    if (problem == "control characters are not allowed") {
      char code[32];
      std::snprintf(code, sizeof code, "#x%04x", static_cast<unsigned>(parser_.problem_value));
      text = std::string("unacceptable character ") + code + ": special characters are not allowed";
    }
    text += "\n  in \"" + std::string(source_.name) + "\", position " +
            std::to_string(position_of(text_, parser_.problem_offset));
    return {YamlError::Kind::document, std::move(text)};
  }

  void begin_document(const Event& start) {
    const YamlMark mark = mark_of(start->start_mark);
    if (document_.root != nullptr) {
      fail("expected a single document in the stream", &document_.root->mark,
           "but found another document", mark);
      return;
    }
    document_.root = read_node();
  }

  Step read_node() {
    Event event;
    return next(event) ? read_event(event) : nullptr;
  }

  Step read_event(const Event& event) {
    switch (event->type) {
      case YAML_ALIAS_EVENT:
        return follow_alias(event);
      case YAML_SCALAR_EVENT:
        return read_scalar(event);
      case YAML_SEQUENCE_START_EVENT:
        return read_sequence(event);
      case YAML_MAPPING_START_EVENT:
        return read_mapping(event);
      default:
        fail("", nullptr, "unexpected end of the document", mark_of(event->start_mark));
        return nullptr;
    }
  }

  Step follow_alias(const Event& event) {
    const std::string_view name = text_of(event->data.alias.anchor);
    const YamlMark mark = mark_of(event->start_mark);
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) {
      fail("", nullptr, "found undefined alias " + repr(name), mark);
      return nullptr;
    }
    if (!found->second->whole) {
      fail("", nullptr, "found alias " + repr(name) + " inside what it stands for", mark);
      return nullptr;
    }
    return found->second;
  }

  // A new node, known by its anchor from now on.
  Step begin(YamlNode::Kind kind, const Event& event, const yaml_char_t* anchor) {
    const std::string_view name = text_of(anchor);
    const YamlMark mark = mark_of(event->start_mark);
    if (const auto found = anchors_.find(name); !name.empty() && found != anchors_.end()) {
      fail("found duplicate anchor " + repr(name) + "; first occurrence", &found->second->mark,
           "second occurrence", mark);
      return nullptr;
    }
    if (document_.nodes.size() >= limits_.max_values) {
      fail("", nullptr, "more than " + std::to_string(limits_.max_values) + " values", mark);
      return nullptr;
    }
    YamlNode& node = document_.nodes.emplace_back();
    node.kind = kind;
    node.mark = mark;
    if (!name.empty()) anchors_.emplace(name, &node);
    return &node;
  }

  Step read_scalar(const Event& event) {
    const auto& scalar = event->data.scalar;
    YamlNode* node = begin(YamlNode::Kind::scalar, event, scalar.anchor);
    if (node == nullptr) return nullptr;
    node->text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    if (auto tag = tag_of(scalar.tag)) {
      node->tag = std::move(*tag);
    } else {
      node->tag = scalar.plain_implicit != 0 ? resolve_plain(node->text) : "str";
    }
    node->whole = true;
    return node;
  }

  bool enter(const YamlNode& node) {
    if (++depth_ <= limits_.max_depth) return true;
    fail("", nullptr, "nested more than " + std::to_string(limits_.max_depth) + " deep", node.mark);
    return false;
  }

  Step read_sequence(const Event& start) {
    const auto& sequence = start->data.sequence_start;
    YamlNode* node = begin(YamlNode::Kind::sequence, start, sequence.anchor);
    if (node == nullptr || !enter(*node)) return nullptr;
    node->tag = tag_of(sequence.tag).value_or("seq");
    for (;;) {
      Event event;
      if (!next(event)) return nullptr;
      if (event->type == YAML_SEQUENCE_END_EVENT) break;
      YamlNode* item = read_event(event);
      if (item == nullptr) return nullptr;
      node->items.push_back(item);
    }
    return leave(node);
  }

  Step read_mapping(const Event& start) {
    const auto& mapping = start->data.mapping_start;
    YamlNode* node = begin(YamlNode::Kind::mapping, start, mapping.anchor);
    if (node == nullptr || !enter(*node)) return nullptr;
    node->tag = tag_of(mapping.tag).value_or("map");
    for (;;) {
      Event event;
      if (!next(event)) return nullptr;
      if (event->type == YAML_MAPPING_END_EVENT) break;
      YamlNode* key = read_event(event);
      YamlNode* value = key == nullptr ? nullptr : read_node();
      if (value == nullptr) return nullptr;
      node->pairs.emplace_back(key, value);
    }
    return leave(node);
  }

  Step leave(YamlNode* node) {
    --depth_;
    node->whole = true;
    return node;
  }

  yaml_parser_t parser_{};
  std::string_view text_;
  YamlSource source_;
  const YamlLimits& limits_;
  YamlDocument document_;
  std::map<std::string, YamlNode*, std::less<>> anchors_;
  std::size_t depth_ = 0;
  bool ended_ = false;
  std::optional<YamlError> error_;
};

}  // namespace

boost::system::result<YamlDocument, YamlError> compose_yaml(std::string_view text,
                                                            const YamlSource& source,
                                                            const YamlLimits& limits) {
  return Composer(text, source, limits).run();
}

}  // namespace charter::worker
