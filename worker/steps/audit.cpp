#include "worker/steps/audit.h"

#include <array>
#include <cstdio>

#include "ipc/utf8.h"

namespace charter::worker {
namespace {

constexpr std::size_t kMostAuditBytes = 8192;

void add(Audit& audit, const std::string& name, const Value& value, bool sensitive) {
  if (!audit.json.empty()) audit.json += ',';
  audit.json += dump(Value(name), kWire) + ':';
  if (sensitive) {
    audit.redacted = true;
    audit.json += dump(Value(kRedacted), kWire);
    return;
  }
  const std::size_t size =
      value.is_string() ? value.as_string().size() : dump(value, kAudit).size();
  audit.json += dump(size <= kMostAuditBytes ? value : Value(size_marker(size)), kWire);
}

Audit closed(Audit audit) {
  audit.json = "{" + audit.json + "}";
  return audit;
}

// Between the quotes.
std::size_t wire_size(std::string_view text) { return dump(Value(text), kWire).size() - 2; }

// Of what is kept on either side of the marker, which has at most 64 bytes.
constexpr std::size_t kMostOfASide = kMostTextBytes / 2 - 32;

std::string_view beginning_of(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t taken = 0; end < text.size();) {
    const std::size_t length = ipc::utf8_sequence(text.substr(end)).length;
    taken += wire_size(text.substr(end, length));
    if (taken > kMostOfASide) break;
    end += length;
  }
  return text.substr(0, end);
}

std::string_view end_of(std::string_view text) {
  constexpr std::size_t kLongestCharacter = 4;
  const auto follows = [text](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80;
  };
  std::size_t begin = text.size();
  for (std::size_t taken = 0; begin > 0;) {
    std::size_t length = 1;
    while (length < kLongestCharacter && length < begin && follows(begin - length)) ++length;
    taken += wire_size(text.substr(begin - length, length));
    if (taken > kMostOfASide) break;
    begin -= length;
  }
  return text.substr(begin);
}

}  // namespace

Audit audit_inputs(const Step& step) {
  Audit audit;
  for (const StepInput& input : step.inputs) {
    add(audit, input.name, input.source, input.sensitive);
  }
  return closed(std::move(audit));
}

Audit audit_outputs(const Step& step, const Object& outputs) {
  Audit audit;
  for (const auto& [name, value] : outputs) {
    const StepOutput* declared = step.output(name);
    add(audit, name, value, declared != nullptr && declared->sensitive);
  }
  return closed(std::move(audit));
}

std::string size_marker(std::size_t bytes) {
  constexpr std::size_t kKilo = 1024;
  constexpr std::size_t kMega = kKilo * 1024;
  if (bytes < kKilo) return "<truncated: " + std::to_string(bytes) + "B>";
  const bool mega = bytes >= kMega;
  std::array<char, 64> text{};
  (void)std::snprintf(text.data(), text.size(), "%.1f",
                      static_cast<double>(bytes) / static_cast<double>(mega ? kMega : kKilo));
  std::string number(text.data());
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return "<truncated: " + number + (mega ? "MB>" : "KB>");
}

std::string cut_text(std::string text) {
  // JSON takes a byte at least for a byte, and six at most.
  constexpr std::size_t kSurelyFits = kMostTextBytes / 6;
  if (text.size() <= kSurelyFits) return text;
  if (text.size() <= kMostTextBytes && wire_size(text) <= kMostTextBytes) return text;
  const std::string_view first = beginning_of(text);
  const std::string_view last = end_of(text);
  const std::size_t missing = text.size() - first.size() - last.size();
  return std::string(first).append(size_marker(missing)).append(last);
}

}  // namespace charter::worker
