#include "gateway/log_view.h"

#include <array>
#include <charconv>
#include <utility>

#include "ipc/journal.h"
#include "ipc/json_object.h"
#include "ipc/utf8.h"

namespace charter::gateway {

std::string place_text(const ipc::OutputPlace& place) {
  return std::to_string(place.position) + '-' + std::to_string(place.segment) + '-' +
         std::to_string(place.offset);
}

std::optional<ipc::OutputPlace> read_place(std::string_view text) {
  ipc::OutputPlace place;
  const std::array<std::uint64_t*, 3> numbers{&place.position, &place.segment, &place.offset};
  const char* at = text.data();
  const char* end = at + text.size();
  for (std::uint64_t* number : numbers) {
    if (number != numbers.front()) {
      if (at == end || *at != '-') return std::nullopt;
      ++at;
    }
    const auto [behind, error] = std::from_chars(at, end, *number);
    if (error != std::errc{}) return std::nullopt;
    at = behind;
  }
  if (at != end) return std::nullopt;
  return place;
}

std::string LogView::whole_characters(const ipc::OutputPiece& piece, bool last) {
  std::string text;
  const auto before = held_.extract({piece.stream, piece.source});
  // Of a step that ended in the middle of a character nothing more comes.
  if (!before.empty() && before.mapped().step_id == piece.step_id &&
      before.mapped().attempt == piece.attempt) {
    text = before.mapped().bytes;
  }
  text += piece.bytes;
  const std::size_t begun = last ? 0 : ipc::begun_utf8(text);
  if (begun == 0) return text;
  held_.insert_or_assign({piece.stream, piece.source},
                         Held{piece.step_id, piece.attempt, text.substr(text.size() - begun)});
  text.resize(text.size() - begun);
  return text;
}

std::string LogView::pieces(const ipc::wire::Output& part, bool last) {
  ipc::JsonArray views;
  for (const ipc::OutputPiece& piece : part.pieces) {
    ipc::JsonObject view;
    if (position_ && piece.position > *position_) {
      view.number("dropped", static_cast<std::int64_t>(piece.position - *position_));
    }
    if (!position_ && piece.position > 0) {
      view.number("earlier", static_cast<std::int64_t>(piece.position));
    }
    position_ = piece.position + piece.bytes.size();
    const auto attempt =
        piece.attempt == 0 ? std::nullopt : std::optional<std::int64_t>(piece.attempt);
    views.raw(view.text("time", ipc::wire_time(piece.at_us))
                  .text_or_null("step", piece.step_id)
                  .number("attempt", attempt)
                  .text("stream", ipc::name_of(piece.stream))
                  .text_or_null("source", piece.source)
                  .text("text", whole_characters(piece, last))
                  .str());
  }
  return views.str();
}

}  // namespace charter::gateway
