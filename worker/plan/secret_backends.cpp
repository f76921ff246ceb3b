#include "worker/plan/secret_backends.h"

#include <array>
#include <utility>

#include "worker/json/python.h"

namespace charter::worker {

std::string secret_params(const SecretQuestion& question, const std::string& root) {
  Object params;
  params.set("alias", Value(question.alias));
  params.set("kind", Value(question.kind));
  params.set("options", Value(question.options));
  params.set("root", Value(root));
  params.set("key", Value(question.key));
  return dump(Value(std::move(params)));
}

SecretAnswer secret_answer(const Object& result) {
  using Kind = SecretAnswer::Kind;
  constexpr std::array<std::pair<const char*, Kind>, 3> kKinds{
      {{"value", Kind::value}, {"wrong", Kind::wrong}, {"refused", Kind::refused}}};
  for (const auto& [name, kind] : kKinds) {
    const Value& text = get(result, name);
    if (text.is_string()) return {kind, text.as_string()};
  }
  return {Kind::not_text, {}};
}

}  // namespace charter::worker
