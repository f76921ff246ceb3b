#include "supervisor/ledger_store.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "ipc/codec.h"
#include "ipc/full_disk.h"
#include "ipc/journal.h"
#include "ipc/layout.h"
#include "ipc/open_directory.h"
#include "supervisor/ledger_hold.h"
#include "supervisor/place.h"

namespace charter::supervisor {
namespace {

constexpr std::uint64_t kLeastForCompaction = 8U << 20;
constexpr std::uint64_t kGrowthForCompaction = 2;
constexpr std::size_t kMostSegments = 16;
constexpr std::size_t kDigits = 10;

struct Segment {
  std::uint64_t number = 0;
  bool base = false;
  std::string name;
};

std::optional<Segment> parse_segment(const std::string& name) {
  if (name.size() != kDigits + 5) return std::nullopt;
  Segment segment{0, name.ends_with(".base"), name};
  if (!segment.base && !name.ends_with(".more")) return std::nullopt;
  const auto parsed = std::from_chars(name.data(), name.data() + kDigits, segment.number);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + kDigits) return std::nullopt;
  return segment;
}

// Every segment in the directory, ascending.
ipc::Result<std::vector<Segment>> list_segments(const std::string& directory) {
  const auto names = ipc::names_in(directory);
  if (!names) return names.error();
  std::vector<Segment> segments;
  for (const std::string& name : *names) {
    if (auto segment = parse_segment(name)) segments.push_back(std::move(*segment));
  }
  std::sort(segments.begin(), segments.end(),
            [](const Segment& one, const Segment& other) { return one.number < other.number; });
  return segments;
}

// Whether that snapshot has taken the segment's place. One of the same number is a segment that
// could not be begun.
bool replaced_by(std::uint64_t base, const Segment& segment) {
  return segment.number < base || (segment.number == base && !segment.base);
}

ipc::Result<ipc::UniqueFd> create_segment(const std::string& path) {
  ipc::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return ipc::errno_error("create " + path);
  if (auto header = ipc::write_log_header(file.get(), ipc::LogKind::ledger); !header) {
    return header.error();
  }
  // Whoever finds records finds the header, too, in whatever order the disk writes them.
  if (::fdatasync(file.get()) != 0) return ipc::errno_error("sync " + path);
  return file;
}

struct SegmentEnd {
  std::uint64_t end = ipc::kLogHeaderSize;
  bool damaged = false;
  bool holes = false;
};

// Applies every record of one segment. A record of a kind this version does not know is skipped.
// A loss of power tears the tail of the newest one and may leave holes there in what was not
// promised yet; in an older one both are damage.
ipc::Result<SegmentEnd> read_segment(int file, bool newest, LedgerState& state) {
  SegmentEnd result;
  ipc::LogReader reader(file);
  for (;;) {
    auto next = reader.next();
    if (!next) return next.error();
    if (next->outcome == ipc::LogReader::Outcome::end) break;
    if (next->outcome == ipc::LogReader::Outcome::damaged) {
      const bool hole = newest && next->hole;
      (hole ? result.holes : result.damaged) = true;
      continue;
    }
    result.end = next->place.end;
    auto record = ipc::decode_ledger_record(next->payload);
    if (record) {
      state.apply(std::move(*record));
    } else if (record.error().code != std::errc::not_supported) {
      result.damaged = true;
    }
  }
  if (newest) return result;
  struct stat info = {};
  if (::fstat(file, &info) != 0) return ipc::errno_error("look at a segment");
  if (static_cast<std::uint64_t>(info.st_size) > result.end) result.damaged = true;
  return result;
}

// From now on it is an older one: its torn tail goes, and what was read of it is what a daemon acts
// upon, so it is made durable, whoever wrote it.
ipc::Result<void> settle_segment(int file, std::uint64_t end) {
  auto writer = ipc::LogWriter::open(file, end);
  if (!writer) return writer.error();
  return writer->sync();
}

// Puts what could be read of a segment in its place, without the holes: in an older segment they
// would be damage.
ipc::Result<ipc::UniqueFd> fill_holes(const std::string& path, const ipc::UniqueFd& holed,
                                      std::uint64_t& end) {
  const std::string draft = path + ".new";
  auto file = create_segment(draft);
  if (!file) return file.error();
  auto writer = ipc::LogWriter::open(file->get(), ipc::kLogHeaderSize);
  if (!writer) return writer.error();
  ipc::LogReader reader(holed.get());
  for (;;) {
    auto next = reader.next();
    if (!next) return next.error();
    if (next->outcome == ipc::LogReader::Outcome::end) break;
    if (next->outcome == ipc::LogReader::Outcome::damaged) continue;
    const std::vector<std::string> payload{std::string(next->payload)};
    if (auto written = writer->append(payload); !written) return written.error();
  }
  if (auto synced = writer->sync(); !synced) return synced.error();
  (void)!::link(path.c_str(), (path + ".damaged").c_str());  // for whoever wants to look at it
  if (::rename(draft.c_str(), path.c_str()) != 0) return ipc::errno_error("rename " + draft);
  const std::string directory = path.substr(0, path.rfind('/'));
  if (auto synced = ipc::sync_directory(directory); !synced) return synced.error();
  end = writer->end();
  return file;
}

ipc::Result<ipc::UniqueFd> open_segment(const std::string& path) {
  ipc::UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return ipc::errno_error("open " + path);
  if (auto header = ipc::check_log_header(file.get(), ipc::LogKind::ledger); !header) {
    return header.error();
  }
  return file;
}

// A segment whose header never reached the disk held nothing that was promised, unless it is a
// snapshot, which gets its name last. Power loss may have kept the size of it alone: zeros from end
// to end.
bool is_unborn(const std::string& path) {
  const ipc::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info = {};
  if (!file || ::fstat(file.get(), &info) != 0) return false;
  if (static_cast<std::uint64_t>(info.st_size) < ipc::kLogHeaderSize) return true;
  std::array<char, 16384> part{};
  ssize_t got = 0;
  while ((got = ::read(file.get(), part.data(), part.size())) > 0) {
    if (!std::all_of(part.begin(), part.begin() + got, [](char byte) { return byte == 0; })) {
      return false;
    }
  }
  return got == 0;
}

}  // namespace

std::string LedgerStore::path(std::uint64_t number, const char* suffix) const {
  return fmt::format("{}/{:010}{}", directory_, number, suffix);
}

ipc::Result<LedgerStore> LedgerStore::open(const std::string& directory, const ipc::Place& here,
                                           Opened& opened, const RunsLeft& runs_left) {
  auto segments = list_segments(directory);
  if (!segments) return segments.error();
  // Behind a snapshot that has lost its contents the one before it may still be there.
  const auto base =
      std::find_if(segments->rbegin(), segments->rend(), [&directory](const Segment& segment) {
        return segment.base && !is_unborn(directory + "/" + segment.name);
      });
  const std::uint64_t first = base == segments->rend() ? 0 : base->number;
  struct Born {
    std::string path;
    ipc::UniqueFd file;
    SegmentEnd read;
  };
  std::vector<Born> born;
  const auto marked = SyncMark::left(directory + "/syncing");
  if (!marked) return marked.error();
  for (const Segment& segment : *segments) {
    const std::string path = directory + "/" + segment.name;
    if (replaced_by(first, segment)) continue;
    auto file = open_segment(path);
    if (file) {
      // Killed while a sync failed, the daemon before could not say so.
      if (std::to_string(segment.number) == *marked) ipc::put_in_doubt(file->get());
      born.push_back({path, std::move(*file), {}});
    } else if (!is_unborn(path)) {
      return file.error();
    } else if (segment.base) {
      opened.damaged = true;
    }
  }
  std::uint64_t bytes = 0;
  bool older_in_doubt = false;
  for (Born& one : born) {
    auto read = read_segment(one.file.get(), &one == &born.back(), opened.state);
    if (!read) return read.error();
    one.read = *read;
    opened.damaged = opened.damaged || read->damaged;
    bytes += read->end;
    older_in_doubt = older_in_doubt || (&one != &born.back() && ipc::in_doubt(one.file.get()));
  }
  if (opened.state.place && opened.state.place->version > here.version) {
    return ipc::plain_error(
        fmt::format("the ledger is of version {}, this program knows version {}",
                    opened.state.place->version, here.version));
  }
  bool holes = !born.empty() && born.back().read.holes;
  if (holes && !opened.damaged) {
    Born& last = born.back();
    auto filled = fill_holes(last.path, last.file, last.read.end);
    holes = !filled;  // then the next snapshot has to come before the next start
    if (filled) last.file = std::move(*filled);
  }
  opened.fresh = segments->empty();
  opened.damaged = opened.damaged || (!opened.fresh && first == 0);
  auto holding = read_hold(directory);
  if (!holding) return holding.error();
  opened.holding = std::move(*holding);
  if (opened.fresh && opened.holding.empty()) {
    const auto left = runs_left();
    if (!left) return left.error();
    if (*left) opened.holding = "the ledger is gone, and journals of its runs are there";
  }
  if (opened.holding.empty() && opened.damaged) opened.holding = "the ledger is damaged";
  if (opened.holding.empty() && opened.state.place) {
    const std::string other = place_difference(*opened.state.place, here);
    if (!other.empty()) opened.holding = "the ledger is a copy: " + other;
  }
  if (!opened.holding.empty()) {
    if (auto kept = write_hold(directory, opened.holding); !kept) return kept.error();
  }

  // Every start appends to a segment of its own, so nothing that was read is ever written again.
  // On a full disk that segment is begun with the first record that fits.
  if (!born.empty()) {
    auto settled = settle_segment(born.back().file.get(), born.back().read.end);
    if (!settled) return settled.error();
  }
  LedgerStore store(directory);
  store.number_ = segments->empty() ? 0 : segments->back().number;
  store.segments_ = segments->size();
  store.added_bytes_ = bytes;
  store.set_aside_ = opened.damaged || holes;
  store.in_doubt_ = older_in_doubt;
  if (!opened.fresh) {
    if (auto begun = store.begin_segment(); !begun) store.writer_.reset();
    store.raise_version(opened, here);
    return store;
  }
  const std::vector<std::string> place{ipc::encode(ipc::LedgerRecord{ipc::now_us(), here})};
  if (auto made = store.compact(place); !made) return made.error();
  return store;
}

// From now on an earlier program would not understand all of it. That it is in its old place, or is
// not, stays to be told.
void LedgerStore::raise_version(Opened& opened, const ipc::Place& here) {
  if (!opened.state.place || opened.state.place->version >= here.version) return;
  opened.state.place->version = here.version;
  const std::vector<std::string> record{
      ipc::encode(ipc::LedgerRecord{ipc::now_us(), *opened.state.place})};
  (void)commit(record, true);  // on a full disk the next start, or the next compaction, says so
}

ipc::Result<void> LedgerStore::begin_segment() {
  auto file = create_segment(path(number_ + 1, ".more"));
  if (!file) return file.error();
  auto writer = ipc::LogWriter::open(file->get(), ipc::kLogHeaderSize);
  if (!writer) return writer.error();
  if (auto synced = ipc::sync_directory(directory_); !synced) return synced.error();
  ++number_;
  ++segments_;
  file_ = std::move(*file);
  writer_ = *writer;
  return {};
}

ipc::Result<void> LedgerStore::commit(std::span<const std::string> payloads, bool durable) {
  auto committed = try_commit(payloads, durable);
  if (committed || !ipc::is_full_disk(committed.error())) return committed;
  return make_space_ && make_space_() ? try_commit(payloads, durable) : committed;
}

ipc::Result<void> LedgerStore::try_commit(std::span<const std::string> payloads, bool durable) {
  const bool only_before = payloads.empty();
  if (auto earlier = earlier_durable(); only_before && !earlier) return earlier;
  if (!writer_ || writer_->sealed()) {
    if (auto begun = begin_segment(); !begun) return begun.error();
  }
  const std::uint64_t before = writer_->end();
  if (auto appended = writer_->append(payloads); !appended) return appended.error();
  for (const std::string& payload : payloads) added_bytes_ += payload.size();
  if (!durable) return {};
  if (auto synced = sync(); synced || only_before) {
    in_doubt_ = in_doubt_ || !synced;
    return synced;
  }
  // Nor can it be written again: the same records go into a new segment, and a snapshot soon takes
  // the place of both, since the disk may have anything at the end of this one.
  in_doubt_ = true;
  const ipc::UniqueFd failed = std::move(file_);
  auto written = begin_segment();
  if (written) written = writer_->append(payloads);
  if (written) written = sync();
  if (written) return {};
  // Whoever is refused must not find later that it was taken.
  (void)::ftruncate(failed.get(), static_cast<off_t>(before));
  if (file_) (void)::ftruncate(file_.get(), ipc::kLogHeaderSize);
  return written;
}

ipc::Result<void> LedgerStore::earlier_durable() const {
  if (in_doubt_) return ipc::plain_error("the ledger waits for its next snapshot");
  return {};
}

ipc::Result<void> LedgerStore::sync() {
  mark_.set(std::to_string(number_));
  auto synced = writer_->sync();
  mark_.clear();
  return synced;
}

ipc::Result<void> LedgerStore::compact(std::span<const std::string> snapshot) {
  const std::uint64_t number = number_ + 1;
  const std::string unfinished = path(number, ".new");
  auto file = create_segment(unfinished);
  if (!file) return file.error();
  auto writer = ipc::LogWriter::open(file->get(), ipc::kLogHeaderSize);
  if (!writer) return writer.error();
  auto written = writer->append(snapshot);
  if (written) written = writer->sync();
  if (!written) {
    ::unlink(unfinished.c_str());
    return written.error();
  }
  const std::string finished = path(number, ".base");
  if (::rename(unfinished.c_str(), finished.c_str()) != 0) {
    return ipc::errno_error("rename " + finished);
  }
  // Whatever comes of its name: the next start may find it, and would read nothing before it.
  number_ = number;
  segments_ = 1;
  base_bytes_ = writer->end();
  added_bytes_ = 0;
  file_.reset();
  writer_.reset();
  in_doubt_ = true;
  if (auto synced = ipc::sync_directory(directory_); !synced) return synced.error();
  file_ = std::move(*file);
  writer_ = *writer;
  in_doubt_ = false;
  drop_replaced_segments(number);
  return {};
}

void LedgerStore::drop_replaced_segments(std::uint64_t base) {
  const auto segments = list_segments(directory_);
  if (!segments) return;
  for (const Segment& segment : *segments) {
    if (!replaced_by(base, segment)) continue;
    const std::string old = directory_ + "/" + segment.name;
    if (set_aside_) {
      ::rename(old.c_str(), (old + ".damaged").c_str());
    } else {
      ::unlink(old.c_str());
    }
  }
  set_aside_ = false;
}

bool LedgerStore::wants_compaction() const {
  return set_aside_ || in_doubt_ || segments_ > kMostSegments ||
         (added_bytes_ > kLeastForCompaction && added_bytes_ > kGrowthForCompaction * base_bytes_);
}

ipc::Result<void> LedgerStore::end_holding() { return end_hold(directory_); }

}  // namespace charter::supervisor
