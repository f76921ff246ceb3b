// SQLite as the store needs it: one connection, prepared statements, one transaction at a time.
// Belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace charter::gateway {

// A statement or the connection failed. It is thrown so that a failure anywhere inside a
// transaction unwinds the whole of it; the store's thread turns it into a value, and nothing
// outside the store sees it.
class DatabaseError : public std::runtime_error {
 public:
  DatabaseError(int code, const std::string& what) : std::runtime_error(what), code_(code) {}

  [[nodiscard]] int code() const { return code_; }
  // The disk is full: the same may succeed later.
  [[nodiscard]] bool disk_full() const;
  // The file can no longer be believed: a sync failed or the content is damaged. Trying again
  // could report as durable what is not.
  [[nodiscard]] bool fatal() const;

 private:
  int code_;
};

class Database {
 public:
  // Opens or creates the file, for this process alone. Throws DatabaseError.
  explicit Database(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const char* sql);
  // The transaction; rollback never fails and is harmless without one.
  void begin();
  void commit();
  void rollback() noexcept;

  [[nodiscard]] std::int64_t last_id() const;
  // The path of the file, for people.
  [[nodiscard]] std::string file() const;
  // Rows changed by the last statement.
  [[nodiscard]] int changes() const;
  [[nodiscard]] int schema_version();

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* connection) const noexcept;
  };
  std::unique_ptr<sqlite3, Close> connection_;
};

// One prepared statement, used again and again. Bound text must live until `reset`.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  // Parameters count from 1.
  Statement& bind(int at, std::int64_t value);
  Statement& bind(int at, std::string_view text);
  // Nothing is NULL.
  Statement& bind_optional(int at, const std::optional<std::int64_t>& value);
  Statement& bind_optional(int at, const std::optional<std::string>& text);

  // The next row; false at the end.
  bool step();
  // For statements without rows: runs and resets.
  void run();
  // Frees what the statement holds of the database, and its parameters.
  void reset() noexcept;

  // Columns count from 0. Views live until the next step or reset.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::optional<std::int64_t> maybe_integer(int column) const;
  [[nodiscard]] std::optional<std::string> maybe_text(int column) const;

 private:
  void check(int code) const;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// Resets a statement at the end of a scope, also when an error leaves it.
class ScopedReset {
 public:
  explicit ScopedReset(Statement& statement) : statement_(statement) {}
  ~ScopedReset() { statement_.reset(); }
  ScopedReset(const ScopedReset&) = delete;
  ScopedReset& operator=(const ScopedReset&) = delete;

 private:
  Statement& statement_;
};

}  // namespace charter::gateway
