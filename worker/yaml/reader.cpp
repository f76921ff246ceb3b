#include "worker/yaml/reader.h"

#include "worker/json/unicode.h"
#include "worker/yaml/compose.h"
#include "worker/yaml/construct.h"

namespace charter::worker {

boost::system::result<Value, YamlError> read_yaml(std::string_view text, std::string_view source,
                                                  bool excerpt, const YamlLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return YamlError{YamlError::Kind::document, "larger than " + std::to_string(limits.max_bytes) +
                                                    " bytes\n  in \"" + std::string(source) + "\""};
  }
  if (std::string fault = utf8_fault(text); !fault.empty()) {
    return YamlError{YamlError::Kind::value, std::move(fault)};
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const YamlSource named{source, excerpt ? text : std::string_view()};
  auto document = compose_yaml(text, named, limits);
  if (!document) return document.error();
  return construct_yaml(*document, named, limits);
}

}  // namespace charter::worker
