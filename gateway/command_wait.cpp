#include "gateway/command_wait.h"

#include <utility>

#include "gateway/views.h"

namespace charter::gateway {

CommandWait::CommandWait(StoreThread& store, Hub& hub, std::string command_id,
                         std::chrono::seconds limit, Respond respond)
    : store_(store),
      hub_(hub),
      command_id_(std::move(command_id)),
      limit_(limit),
      timer_(hub.loop()),
      respond_(std::move(respond)) {}

void CommandWait::start() {
  last_look_ = limit_.count() == 0;
  look();
}

void CommandWait::look() {
  store_.submit([id = command_id_](Store& store) { return store.commands.find(id); },
                [self = shared_from_this()](const ipc::Result<std::optional<CommandRow>>& found) {
                  self->on_found(found);
                });
}

void CommandWait::on_found(const ipc::Result<std::optional<CommandRow>>& found) {
  if (!found) return answer(to_response(store_error(found.error())));
  if (!*found) return answer(to_response({404, "unknown_command", "no such command"}));
  if (last_look_ || arrived(**found)) return answer({.body = view_of(**found)});
  if (std::exchange(subscribed_, true)) return;
  subscription_ = hub_.command_topics().subscribe((*found)->id, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->look();
  });
  timer_.expires_after(limit_);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (error) return;
    self->last_look_ = true;
    self->look();
  });
  // It may have moved between the look and the subscription.
  look();
}

// Where an answer is never given, the delivery is the end of what can be waited for.
bool CommandWait::arrived(const CommandRow& command) const {
  return command.settled() || (command.state == "delivered" && !hub_.desk().holds(command.id));
}

void CommandWait::answer(ApiResponse response) {
  subscription_ = {};
  timer_.cancel();
  const Respond respond = std::exchange(respond_, nullptr);
  if (respond) respond(std::move(response));
}

}  // namespace charter::gateway
