#include "worker/steps/template.h"

#include "worker/json/unicode.h"
#include "worker/json/value.h"

namespace charter::worker {
namespace {

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    std::size_t next = at;
    if (!is_space(next_code_point(text, next))) break;
    at = next;
  }
  return at;
}

std::size_t skip_word(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    std::size_t next = at;
    if (!is_word(next_code_point(text, next))) break;
    at = next;
  }
  return at;
}

struct Placeholder {
  std::string_view name;
  std::size_t end = 0;  // behind the closing braces; 0: there is no placeholder here
};

// `text` has "{{" at `begin`.
Placeholder placeholder_at(std::string_view text, std::size_t begin) {
  const std::size_t name = skip_spaces(text, begin + 2);
  const std::size_t name_end = skip_word(text, name);
  const std::size_t close = skip_spaces(text, name_end);
  if (name_end == name || text.substr(close, 2) != "}}") return {};
  return {text.substr(name, name_end - name), close + 2};
}

}  // namespace

ipc::Result<std::string> fill_template(std::string_view text, const RunState& state) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const std::size_t brace = text.find("{{", at);
    out += text.substr(at, brace == std::string_view::npos ? brace : brace - at);
    if (brace == std::string_view::npos) return out;
    const Placeholder found = placeholder_at(text, brace);
    if (found.end == 0) {
      out += '{';
      at = brace + 1;
      continue;
    }
    const std::string name(found.name);
    const Value* value = state.find(name);
    if (value == nullptr) {
      return ipc::plain_error("Template reference '{{ " + name + " }}' could not be resolved: '" +
                              name + "' is not defined in variables or step outputs");
    }
    out += value->is_string() ? value->as_string() : dump(*value);
    at = found.end;
  }
}

std::vector<std::string> template_names(std::string_view text) {
  std::vector<std::string> names;
  for (std::size_t at = text.find("{{"); at != std::string_view::npos; at = text.find("{{", at)) {
    const Placeholder found = placeholder_at(text, at);
    if (found.end != 0) names.emplace_back(found.name);
    at = found.end != 0 ? found.end : at + 1;
  }
  return names;
}

}  // namespace charter::worker
