#include "supervisor/link/refusal.h"

#include "supervisor/link/backoff.h"

namespace charter::supervisor {

std::string words_for(const UpgradeRefusal& refusal, bool has_token) {
  std::string text = "the gateway answered " + std::to_string(refusal.status);
  if (!refusal.reason.empty()) text += " " + refusal.reason;
  if (refusal.status == 401 || refusal.status == 403) {
    return text + (has_token ? ": it does not accept the token"
                             : ": it wants a token (CHARTER_GATEWAY_DAEMON_TOKEN)");
  }
  if (refusal.status >= 300 && refusal.status < 400) {
    // Not followed: the token would go where the operator did not send it.
    return text + ": redirects are not followed; set --gateway to where it really is" +
           (refusal.location.empty() ? "" : " (" + refusal.location + ")");
  }
  if (refusal.status == 404) return text + ": is this a charter gateway?";
  return text;
}

std::optional<std::chrono::milliseconds> retry_after_of(const UpgradeRefusal& refusal,
                                                        std::chrono::system_clock::time_point now) {
  if (refusal.status != 429 && refusal.status != 503) return std::nullopt;
  return parse_retry_after(refusal.retry_after, now);
}

}  // namespace charter::supervisor
