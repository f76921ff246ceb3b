#include "gateway/database.h"

#include <sqlite3.h>

namespace charter::gateway {
namespace {

// The path of the connection's file.
std::string file_of(sqlite3* connection) {
  const char* name = sqlite3_db_filename(connection, "main");
  return name != nullptr ? name : "";
}

[[noreturn]] void fail(sqlite3* connection, int code, const std::string& statement) {
  throw DatabaseError(
      code, file_of(connection) + ": " + sqlite3_errmsg(connection) + " (" + statement + ")");
}

int primary(int code) { return code & 0xff; }

}  // namespace

bool DatabaseError::disk_full() const {
  if (primary(code_) == SQLITE_FULL) return true;
  // Where the space cannot even be reserved, the failing call is a write, a truncation to a
  // larger size, or the growth of the index of the write-ahead log.
  return code_ == SQLITE_IOERR_WRITE || code_ == SQLITE_IOERR_TRUNCATE ||
         code_ == SQLITE_IOERR_SHMSIZE;
}

bool DatabaseError::fatal() const {
  if (disk_full()) return false;
  const int code = primary(code_);
  return code == SQLITE_IOERR || code == SQLITE_CORRUPT || code == SQLITE_NOTADB ||
         code == SQLITE_CANTOPEN;
}

void Database::Close::operator()(sqlite3* connection) const noexcept { sqlite3_close(connection); }

Database::Database(const std::string& path) {
  sqlite3* raw = nullptr;
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  connection_.reset(raw);
  if (code != SQLITE_OK) throw DatabaseError(code, path + ": " + sqlite3_errstr(code));
  // At the end the log is left as it is, so that the end costs no checkpoint; it is read again at
  // the next start.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  try {
    // The lock is held from here on: a second gateway on the same directory is refused, and the
    // log's index needs no shared memory file that could fail to grow.
    execute("PRAGMA locking_mode=EXCLUSIVE");
    execute("PRAGMA page_size=8192");  // a clustered row of a usual event fits beside its siblings
    // What runs leave behind can go back to the disk in steps. Of effect only while a file is made.
    execute("PRAGMA auto_vacuum=INCREMENTAL");
    execute("PRAGMA journal_mode=WAL");
    // Every commit is synced: an acknowledged event is forgotten by its daemon, so it has to
    // outlive the power, not only this process.
    execute("PRAGMA synchronous=FULL");
    execute("PRAGMA wal_autocheckpoint=2000");
    execute("PRAGMA journal_size_limit=33554432");
    execute("PRAGMA cache_size=-16384");
    execute("PRAGMA temp_store=MEMORY");
    execute("BEGIN EXCLUSIVE");
    execute("COMMIT");
  } catch (const DatabaseError& error) {
    if (primary(error.code()) != SQLITE_BUSY) throw;
    throw DatabaseError(error.code(), path + " is in use by another process");
  }
}

Database::~Database() = default;

void Database::execute(const char* sql) {
  const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(connection_.get(), code, sql);
}

void Database::begin() { execute("BEGIN IMMEDIATE"); }
void Database::commit() { execute("COMMIT"); }

void Database::rollback() noexcept {
  // Some failures have already ended the transaction.
  if (sqlite3_get_autocommit(connection_.get()) != 0) return;
  sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

std::int64_t Database::last_id() const { return sqlite3_last_insert_rowid(connection_.get()); }
int Database::changes() const { return sqlite3_changes(connection_.get()); }

std::string Database::file() const { return file_of(connection_.get()); }

int Database::schema_version() {
  Statement version(*this, "PRAGMA user_version");
  version.step();
  return static_cast<int>(version.integer(0));
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Statement::Statement(Database& database, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v3(database.connection_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  statement_.reset(raw);
  if (code != SQLITE_OK) fail(database.connection_.get(), code, std::string(sql));
}

void Statement::check(int code) const {
  if (code == SQLITE_OK) return;
  fail(sqlite3_db_handle(statement_.get()), code, sqlite3_sql(statement_.get()));
}

Statement& Statement::bind(int at, std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), at, value));
  return *this;
}

Statement& Statement::bind(int at, std::string_view text) {
  // A null pointer would bind NULL.
  const char* bytes = text.data() != nullptr ? text.data() : "";
  check(sqlite3_bind_text64(statement_.get(), at, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_optional(int at, const std::optional<std::int64_t>& value) {
  if (value) return bind(at, *value);
  check(sqlite3_bind_null(statement_.get(), at));
  return *this;
}

Statement& Statement::bind_optional(int at, const std::optional<std::string>& text) {
  if (text) return bind(at, std::string_view(*text));
  check(sqlite3_bind_null(statement_.get(), at));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  check(code);
  return false;
}

void Statement::run() {
  const ScopedReset reset_at_end(*this);
  step();
}

void Statement::reset() noexcept {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_.get(), column);
  if (bytes == nullptr) return {};
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::optional<std::int64_t> Statement::maybe_integer(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::optional<std::string> Statement::maybe_text(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return std::string(text(column));
}

}  // namespace charter::gateway
