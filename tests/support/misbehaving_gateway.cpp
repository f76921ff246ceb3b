#include "tests/support/misbehaving_gateway.h"

#include <cstdlib>
#include <utility>
#include <variant>

#include "ipc/gateway_message.h"
#include "tests/support/ws_frame.h"

namespace charter::tests {
namespace {

namespace wire = ipc::wire;

constexpr std::uint64_t kBeyond = 1U << 30;

bool wants_capnp(const std::string& protocol) {
  const char* usual = std::getenv("CHARTER_TEST_PROTOCOL");
  return (protocol.empty() && usual != nullptr ? usual : protocol) == "capnp";
}

std::string binary(const std::string& payload) {
  return frame_bytes({true, 0, WsOpcode::binary, false, payload});
}

// The runs of `acks`, acknowledged as `change` has them.
std::string changed(const std::string& acks, const std::function<void(wire::Ack&)>& change) {
  auto message = wire::decode_to_daemon(acks);
  if (!message || !std::holds_alternative<wire::Acks>(*message)) return acks;
  for (wire::Ack& ack : std::get<wire::Acks>(*message)) change(ack);
  return wire::encode(*message);
}

std::vector<std::string> pongs_for(const std::string& payload, Confirms how) {
  switch (how) {
    case Confirms::twice:
      return {payload, payload};
    case Confirms::beyond:
      return {std::to_string(kBeyond), payload};
    case Confirms::nonsense:
      return {"", "-1", "one", "18446744073709551616", payload};
    case Confirms::first:
      return {"1"};
    default:
      return {payload};
  }
}

}  // namespace

MisbehavingGateway::MisbehavingGateway(std::string protocol)
    : capnp_(wants_capnp(protocol)), server_(usual()) {}

WsRules MisbehavingGateway::usual() {
  WsRules rules;
  rules.keep_messages = false;
  if (capnp_) {
    rules.choose = wire::kSubprotocol;
    rules.greeting = binary(welcome_message());
  }
  rules.reply = [this](std::size_t connection, const std::string& message) {
    return take(connection, message, Confirms::rightly);
  };
  return rules;
}

void MisbehavingGateway::behave(const std::function<void(WsRules&)>& change) {
  WsRules rules = usual();
  change(rules);
  server_.set_rules(std::move(rules));
}

void MisbehavingGateway::confirm(Confirms how, milliseconds late) {
  behave([&](WsRules& rules) {
    rules.pong_delay = late;
    if (!capnp_) {
      rules.answer_pings = how != Confirms::never;
      rules.pongs = [how](const std::string& payload) { return pongs_for(payload, how); };
    }
    rules.reply = [this, how](std::size_t connection, const std::string& message) {
      return take(connection, message, how);
    };
  });
}

std::string MisbehavingGateway::take(std::size_t connection, const std::string& message,
                                     Confirms how) {
  if (!capnp_) {
    heard_.take(connection, message);
    return {};
  }
  const std::lock_guard lock(mutex_);
  const auto said = readers_[connection].read(message);
  for (const std::string& one : said.messages) heard_.take(connection, one);
  if (said.acks.empty()) return {};
  if (first_acks_.empty()) first_acks_ = said.acks;
  const std::string right = binary(said.acks);
  switch (how) {
    case Confirms::never:
      return {};
    case Confirms::twice:
      return right + right;
    case Confirms::beyond:
      return binary(changed(said.acks, [](wire::Ack& ack) { ack.seq += kBeyond; })) + right;
    case Confirms::nonsense:
      return binary(changed(said.acks, [](wire::Ack& ack) { ack.run_id += "-unknown"; })) + right;
    case Confirms::first:
      return binary(first_acks_);
    case Confirms::rightly:
      break;
  }
  return right;
}

}  // namespace charter::tests
