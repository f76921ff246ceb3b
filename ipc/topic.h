// What `help TOPIC` shows and charter-daemon(7) holds: texts for people, and what follows from the
// option tables.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ipc/option_table.h"

namespace charter::ipc {

// What of all commands' tables stands below a topic's text.
enum class TopicTail { none, exit_codes, variables };

struct Topic {
  std::string_view name;     // "getting-started"
  std::string_view summary;  // one line, no full stop
  // Paragraphs separated by an empty line. Lines that begin with four blanks stay as they are.
  std::string_view text;
  TopicTail tail = TopicTail::none;
};

// For a terminal of 80 columns, ending in a newline.
[[nodiscard]] std::string topic_text(const Topic& topic,
                                     std::span<const CommandSpec* const> commands);
// charter-daemon(7), a section for each topic, as roff for man(7).
[[nodiscard]] std::string manual_topics(std::span<const Topic> topics,
                                        std::span<const CommandSpec* const> commands,
                                        std::string_view version);

}  // namespace charter::ipc
