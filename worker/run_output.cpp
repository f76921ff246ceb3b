#include "worker/run_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "ipc/journal.h"
#include "worker/spawn.h"
#include "worker/steps/audit.h"

namespace charter::worker {
namespace {

using ipc::OutputStream;

constexpr std::size_t kChunk = 64UL * 1024;

bool withholds(const Step& step, OutputStream stream) {
  return std::any_of(step.outputs.begin(), step.outputs.end(), [stream](const StepOutput& output) {
    const bool of_errors = output.name == "stderr";
    return output.sensitive && output.name != "exit_code" &&
           of_errors == (stream == OutputStream::err);
  });
}

}  // namespace

RunOutput::RunOutput(const ipc::Layout& layout, const std::string& run, std::uint64_t most_bytes,
                     Secrets secrets)
    : secrets_(std::move(secrets)) {
  if (most_bytes > 0) log_.emplace(layout, run, std::max(most_bytes, ipc::kLeastOutputBytes));
}

void RunOutput::enter(const Step& step, long long attempt) {
  if (!log_) return;
  drain();
  ++change_;
  step_id_ = step.id_text();
  attempt_ = static_cast<std::uint32_t>(
      std::min<long long>(attempt, std::numeric_limits<std::uint32_t>::max()));
  for (const OutputStream kind : {OutputStream::out, OutputStream::err}) {
    Stream& stream = streams_[static_cast<std::size_t>(kind)];
    stream = Stream();
    stream.withheld = withholds(step, kind);
  }
}

void RunOutput::take(OutputStream stream, std::string_view bytes) {
  if (log_) pass(streams_[static_cast<std::size_t>(stream)], stream, {}, bytes);
}

void RunOutput::leave() {
  if (!log_) return;
  drain();
  for (const OutputStream kind : {OutputStream::out, OutputStream::err}) {
    write(kind, {}, streams_[static_cast<std::size_t>(kind)].mask.finish());
  }
  pipes_ = {-1, -1};
  step_id_.clear();
  attempt_ = 0;
  ++change_;
}

ipc::UniqueFd RunOutput::listen_to(const std::string& source) {
  ipc::UniqueFd mine;
  ipc::UniqueFd theirs;
  if (!log_ || !make_pipe(mine, theirs)) return {};
  (void)::fcntl(mine.get(), F_SETFL, O_NONBLOCK);
  const auto closed = std::find_if(sources_.begin(), sources_.end(),
                                   [](const Source& other) { return !other.end; });
  const auto place = static_cast<std::size_t>(closed - sources_.begin());
  if (closed == sources_.end()) {
    sources_.emplace_back();
    entries_.emplace_back();
  }
  entries_[place] = {mine.get(), POLLIN, 0};
  sources_[place] = {source, std::move(mine), {}};
  return theirs;
}

void RunOutput::listen() {
  for (std::size_t at = 0; at < sources_.size(); ++at) {
    if (entries_[at].revents != 0) (void)read(sources_[at], entries_[at]);
  }
}

void RunOutput::overhear(int descriptor, std::string_view bytes) {
  if (!log_ || descriptor < 0) return;
  if (descriptor == pipes_[0]) take(OutputStream::out, bytes);
  if (descriptor == pipes_[1]) take(OutputStream::err, bytes);
}

void RunOutput::finish() {
  leave();
  for (Source& source : sources_) {
    write(OutputStream::integration, source.name, source.stream.mask.finish());
  }
}

// Outside of steps secrets are being looked up, so what is sensitive changes all the time.
void RunOutput::pass(Stream& stream, OutputStream kind, const std::string& source,
                     std::string_view bytes) {
  if (stream.withheld) {
    if (!std::exchange(stream.told, true)) write(kind, source, std::string(kRedacted) + "\n");
    return;
  }
  if (step_id_.empty()) ++change_;
  if (stream.knows != change_) {
    if (known_as_of_ != change_) known_ = secrets_();
    known_as_of_ = change_;
    stream.mask.know(known_);
    stream.knows = change_;
  }
  write(kind, source, stream.mask.take(bytes));
}

void RunOutput::write(OutputStream kind, const std::string& source, std::string bytes) {
  if (!bytes.empty()) {
    log_->append({ipc::now_us(), 0, step_id_, attempt_, kind, source, std::move(bytes)});
  }
}

// False when there is nothing more to read, now or ever.
bool RunOutput::read(Source& source, pollfd& entry) {
  std::array<char, kChunk> buffer;
  const ssize_t got = ::read(source.end.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return errno == EINTR;
  if (got > 0) {
    pass(source.stream, OutputStream::integration, source.name,
         {buffer.data(), static_cast<std::size_t>(got)});
    return true;
  }
  write(OutputStream::integration, source.name, source.stream.mask.finish());
  source.end.reset();
  entry.fd = -1;
  return false;
}

// What integrations have printed until now, but no more than a process that never stops printing
// has had room for.
void RunOutput::drain() {
  constexpr int kMostReads = 32;
  for (std::size_t at = 0; at < sources_.size(); ++at) {
    for (int reads = 0; reads < kMostReads && entries_[at].fd >= 0; ++reads) {
      if (!read(sources_[at], entries_[at])) break;
    }
  }
}

}  // namespace charter::worker
