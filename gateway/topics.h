// Who wants to hear that something changed. A notification carries nothing: the listener looks
// in the store for what it has not seen yet, so nothing is queued here and nothing can be lost.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace charter::gateway {

// Belongs to the loop.
class Topics {
  using Key = std::pair<std::int64_t, std::uint64_t>;  // topic and a number of its own
  using Listeners = std::map<Key, std::function<void()>>;

 public:
  // Ends with its owner, which may outlive the topics.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(std::weak_ptr<Listeners> listeners, Key key)
        : listeners_(std::move(listeners)), key_(key) {}
    Subscription(Subscription&& other) noexcept { *this = std::move(other); }
    Subscription& operator=(Subscription&& other) noexcept {
      end();
      listeners_ = std::exchange(other.listeners_, {});
      key_ = other.key_;
      return *this;
    }
    ~Subscription() { end(); }

   private:
    void end() {
      const auto listeners = std::exchange(listeners_, {}).lock();
      if (listeners) listeners->erase(key_);
    }
    std::weak_ptr<Listeners> listeners_;
    Key key_;
  };

  [[nodiscard]] Subscription subscribe(std::int64_t topic, std::function<void()> listener) {
    const Key key(topic, ++last_);
    listeners_->emplace(key, std::move(listener));
    return {listeners_, key};
  }

  void notify(std::int64_t topic) {
    // A listener may end subscriptions, its own included.
    std::vector<std::function<void()>> heard;
    for (auto at = listeners_->lower_bound({topic, 0});
         at != listeners_->end() && at->first.first == topic; ++at) {
      heard.push_back(at->second);
    }
    for (const auto& listener : heard) listener();
  }

 private:
  std::shared_ptr<Listeners> listeners_ = std::make_shared<Listeners>();
  std::uint64_t last_ = 0;
};

}  // namespace charter::gateway
