#include "supervisor/output_answer.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "ipc/output_reader.h"

namespace charter::supervisor {
namespace {

namespace wire = ipc::wire;

enum class Known { no, yes, ended };

// The id may be any text. Of runs that have ended long ago their journals alone tell.
Known look_up(const ipc::Layout& layout, const Registry& registry,
              const wire::ReadOutput& question) {
  const auto same = [&](const std::string& started_at) {
    return question.started_at.empty() || question.started_at == started_at;
  };
  if (const RunPtr run = registry.find(question.run_id)) {
    if (!same(run->started_at)) return Known::no;
    return run->state == RunState::finished ? Known::ended : Known::yes;
  }
  if (const FinishedRun* finished = registry.find_finished(question.run_id)) {
    return same(finished->started_at) ? Known::ended : Known::no;
  }
  const bool kept = ipc::valid_run_id(question.run_id) &&
                    ::access(layout.journal(question.run_id).c_str(), F_OK) == 0;
  return kept ? Known::ended : Known::no;
}

// Whether somebody has to ask again later is seen by who asked: by `more` and `over`.
ipc::Result<void> read_on(ipc::OutputReader& reader, std::uint64_t wanted_from, std::size_t most,
                          wire::Output& out) {
  std::size_t taken = 0;
  for (std::size_t looked_at = 0; looked_at < kMostLookedAt && taken < most;) {
    if (out.pieces.size() == wire::kMaxPieces) break;
    auto next = reader.next();
    if (!next) return next.error();
    if (std::holds_alternative<std::monostate>(*next)) return {};
    auto* piece = std::get_if<ipc::OutputPiece>(&*next);
    if (piece == nullptr) continue;  // a gap shows by the positions
    looked_at += piece->bytes.size() + 1;
    if (piece->position + piece->bytes.size() <= wanted_from) continue;
    taken += piece->bytes.size();
    out.pieces.push_back(std::move(*piece));
  }
  out.more = true;
  return {};
}

wire::Output refused(std::uint64_t id, std::string why, bool over) {
  wire::Output out;
  out.id = id;
  out.over = over;
  out.error = std::move(why);
  return out;
}

}  // namespace

wire::Output answer_output(const ipc::Layout& layout, const Registry& registry,
                           const wire::ReadOutput& question) {
  // Looked at before what the run prints is: one that has ended by then prints no more.
  const Known known = look_up(layout, registry, question);
  if (known == Known::no) {
    return refused(question.id, "the daemon keeps nothing of this run any more", true);
  }
  wire::Output out;
  out.id = question.id;
  ipc::OutputPlace place = question.place;
  if (question.tail > 0) {
    const auto tail =
        ipc::output_tail(layout, question.run_id, std::min(question.tail, kLongestTail));
    if (!tail) return refused(question.id, tail.error().message(), false);
    place = *tail;
  }
  ipc::OutputReader reader(layout, question.run_id, place);
  const std::size_t most = question.max_bytes == 0
                               ? kMostOutput
                               : std::min<std::size_t>(question.max_bytes, kMostOutput);
  if (auto read = read_on(reader, place.position, most, out); !read) {
    return refused(question.id, read.error().message(), false);
  }
  out.next = reader.place();
  out.next.position = std::max(out.next.position, place.position);
  out.over = known == Known::ended && !out.more;
  return out;
}

}  // namespace charter::supervisor
