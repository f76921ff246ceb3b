#include "ipc/layout.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "scratch.h"

namespace {
thread_local std::vector<std::string> synced;  // paths, by the fsync below
}  // namespace

// In place of the C library's, for the whole program.
extern "C" int fsync(int fd) {
  char path[4096];
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
  if (length > 0) synced.emplace_back(path, static_cast<std::size_t>(length));
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace charter::ipc {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// Sets a variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = ::getenv(name)) old_ = old;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { old_.empty() ? ::unsetenv(name_) : ::setenv(name_, old_.c_str(), 1); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::string old_;
};

mode_t mode_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
}

TEST(RunId, is_a_plain_file_name) {
  for (const char* id : {"a", "0", "run-1", "A.b_c-d", "a..b", "a."}) {
    EXPECT_TRUE(valid_run_id(id)) << id;
  }
  EXPECT_TRUE(valid_run_id(std::string(128, 'x')));
  for (const char* id :
       {"", ".", "..", "-a", "_a", "a/b", "../a", "a b", "a\n", "\xC3\xA9", "a:b"}) {
    EXPECT_FALSE(valid_run_id(id)) << id;
  }
  EXPECT_FALSE(valid_run_id(std::string(129, 'x')));
  EXPECT_FALSE(valid_run_id(std::string_view("a\0b", 3)));
}

TEST(LayoutPaths, follow_root_and_data_directory) {
  const Layout standard("/p/");
  EXPECT_EQ(standard.root(), "/p");
  EXPECT_EQ(standard.data_dir(), "/p/.charter/daemon");
  EXPECT_EQ(standard.state_file("r"), "/p/.charter/runs/r.json");
  EXPECT_EQ(standard.artifacts_dir("r"), "/p/.charter/runs/r.artifacts");
  EXPECT_EQ(standard.kv_file(), "/p/.charter/kv.json");
  EXPECT_EQ(standard.kv_lock(), "/p/.charter/kv.lock");
  EXPECT_EQ(standard.venv_bin(), "/p/.charter/.venv/bin");
  EXPECT_EQ(standard.journal("r"), "/p/.charter/daemon/journals/r.cj");
  EXPECT_EQ(standard.blobs_dir("r"), "/p/.charter/daemon/journals/r.blobs");
  EXPECT_EQ(standard.kill_note("r"), "/p/.charter/daemon/journals/r.kill");
  EXPECT_EQ(standard.run_log("r"), "/p/.charter/daemon/journals/r.log");
  EXPECT_EQ(standard.output_segment("r", 0), "/p/.charter/daemon/journals/r.out0");
  EXPECT_EQ(standard.output_segment("r", 1), "/p/.charter/daemon/journals/r.out1");
  EXPECT_EQ(standard.output_draft("r"), "/p/.charter/daemon/journals/r.out.new");

  const Layout apart("/p", "/var/data/");
  EXPECT_EQ(apart.daemon_lock(), "/var/data/lock");
  EXPECT_EQ(apart.ledger_dir(), "/var/data/ledger");
  EXPECT_EQ(apart.requests_dir(), "/var/data/requests");
  EXPECT_EQ(apart.runs_dir(), "/p/.charter/runs");
  EXPECT_EQ(Layout("/").charter_dir(), "/.charter");
}

TEST(HandOffSocket, is_named_by_the_environment_or_the_project) {
  const Layout layout("/p");
  {
    const Variable unset("CHARTER_DAEMON_SOCKET", nullptr);
    EXPECT_EQ(hand_off_socket(layout), "/p/.charter/daemon.sock");
  }
  {
    const Variable empty("CHARTER_DAEMON_SOCKET", "");
    EXPECT_EQ(hand_off_socket(layout), "/p/.charter/daemon.sock");
  }
  {
    const Variable absolute("CHARTER_DAEMON_SOCKET", "/tmp/s");
    EXPECT_EQ(hand_off_socket(layout), "/tmp/s");
  }
  const Variable relative("CHARTER_DAEMON_SOCKET", "run/s");
  EXPECT_EQ(hand_off_socket(layout), "/p/run/s");
}

class LayoutTest : public Scratch {};

TEST_F(LayoutTest, creates_private_data_and_open_state_directories) {
  const Layout layout(directory_);
  ASSERT_TRUE(layout.create());
  for (const auto& path :
       {layout.data_dir(), layout.ledger_dir(), layout.journals_dir(), layout.requests_dir()}) {
    EXPECT_EQ(mode_of(path), 0700U) << path;
  }
  EXPECT_EQ(mode_of(layout.runs_dir()), 0755U);
  EXPECT_EQ(mode_of(layout.charter_dir()), 0755U);
  EXPECT_TRUE(layout.create()) << "a second time changes nothing";
}

// Who made them may have died before it synced their entries.
TEST_F(LayoutTest, syncs_the_entries_of_directories_that_it_finds) {
  const Layout layout(directory_, path("data"));
  ASSERT_TRUE(layout.create());
  synced.clear();
  ASSERT_TRUE(layout.create());
  const auto real = [](const std::string& name) { return fs::canonical(name).string(); };
  EXPECT_THAT(synced, ::testing::IsSupersetOf(
                          {real(directory_), real(layout.charter_dir()), real(layout.data_dir())}));
}

TEST_F(LayoutTest, syncs_every_directory_above_its_data_that_may_be_its_own) {
  const Layout layout(path("project"), path("far/away/data"));
  fs::create_directory(path("project"));
  fs::create_directories(path("far/away"));  // by one who died before it synced them
  ASSERT_TRUE(layout.create());
  const auto real = [](const std::string& name) { return fs::canonical(name).string(); };
  EXPECT_THAT(synced, ::testing::IsSupersetOf(
                          {real(directory_), real(path("far")), real(path("far/away"))}));
}

TEST_F(LayoutTest, syncs_the_directories_of_a_nested_project_that_it_finds) {
  const Layout nested(path("nested"), path("data"));
  fs::create_directories(path("nested/.charter/runs"));
  synced.clear();
  ASSERT_TRUE(nested.create_runs_dir());
  const auto real = [](const std::string& name) { return fs::canonical(name).string(); };
  EXPECT_THAT(synced,
              ::testing::IsSupersetOf({real(path("nested")), real(path("nested/.charter"))}));
}

TEST_F(LayoutTest, leaves_an_existing_charter_directory_as_it_is) {
  fs::create_directory(path(".charter"));
  ASSERT_EQ(::chmod(path(".charter").c_str(), 0775), 0);
  ASSERT_TRUE(Layout(directory_).create());
  EXPECT_EQ(mode_of(path(".charter")), 0775U);
}

TEST_F(LayoutTest, creates_the_way_to_another_data_directory) {
  const Layout layout(directory_, path("var/lib/data"));
  ASSERT_TRUE(layout.create());
  EXPECT_EQ(mode_of(path("var/lib/data")), 0700U);
  EXPECT_TRUE(fs::is_directory(path("var/lib/data/journals")));
}

TEST_F(LayoutTest, says_which_directory_it_cannot_create) {
  write_file(path(".charter"), "a file");
  const auto made = Layout(directory_).create();
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr(path(".charter")));
}

TEST_F(LayoutTest, finds_a_short_private_directory_for_the_doorbell) {
  const Variable session("XDG_RUNTIME_DIR", directory_.c_str());
  const Layout layout("/p");
  const auto runtime = layout.runtime_dir();
  ASSERT_TRUE(runtime) << runtime.error().message();
  EXPECT_EQ(mode_of(*runtime), 0700U);
  EXPECT_LT(runtime->size() + 32, kMaxSocketPath);
  EXPECT_EQ(*layout.runtime_dir(), *runtime);
  EXPECT_NE(*Layout("/q").runtime_dir(), *runtime);
}

TEST_F(LayoutTest, refuses_a_runtime_directory_that_others_can_enter_or_redirect) {
  const Variable session("XDG_RUNTIME_DIR", directory_.c_str());
  const std::string base = path("charter-daemon");
  fs::create_directory(base);
  ASSERT_EQ(::chmod(base.c_str(), 0755), 0);
  EXPECT_THAT(Layout("/p").runtime_dir().error().message(), HasSubstr("mode 0700"));

  fs::remove(base);
  fs::create_directory(path("elsewhere"));
  ASSERT_EQ(::chmod(path("elsewhere").c_str(), 0700), 0);
  fs::create_directory_symlink(path("elsewhere"), base);
  EXPECT_THAT(Layout("/p").runtime_dir().error().message(), HasSubstr("not a directory"));

  if (::geteuid() == 0) {
    fs::remove(base);
    fs::create_directory(base);
    ASSERT_EQ(::chmod(base.c_str(), 0700), 0);
    ASSERT_EQ(::chown(base.c_str(), 65534, 65534), 0);
    EXPECT_THAT(Layout("/p").runtime_dir().error().message(), HasSubstr("belongs to uid 65534"));
  }
}

TEST_F(LayoutTest, takes_tmp_without_a_usable_session_directory) {
  const std::string expected = "/tmp/charter-daemon-" + std::to_string(::geteuid()) + "/";
  for (const char* unusable : {"", "relative", "/no/such/directory", "/tmp"}) {
    // /tmp itself belongs to root, who may well be running this.
    if (std::string_view(unusable) == "/tmp" && ::geteuid() == 0) continue;
    const Variable session("XDG_RUNTIME_DIR", unusable);
    const auto runtime = Layout(directory_).runtime_dir();
    ASSERT_TRUE(runtime) << runtime.error().message();
    EXPECT_TRUE(runtime->starts_with(expected)) << *runtime;
    fs::remove(*runtime);
  }
}

class ProjectRoot : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    directory_ = fs::canonical(directory_).string();
  }
  void make(const std::string& name) const { fs::create_directories(path(name)); }
  void make_file(const std::string& name, std::string_view text) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    write_file(path(name), text);
  }
};

TEST_F(ProjectRoot, is_the_nearest_one_above) {
  make_file("outer/charter.yml", "name: outer\n");
  make("outer/a/b");
  EXPECT_EQ(find_project_root(path("outer/a/b")), path("outer"));
  make_file("outer/a/charter.yml", "name: inner\n");
  EXPECT_EQ(find_project_root(path("outer/a/b")), path("outer/a"));
  make_file("outer/a/b/plan.yml", "x");
  EXPECT_EQ(find_project_root(path("outer/a/b/plan.yml")), path("outer/a"));
  EXPECT_EQ(find_project_root(path("outer/a/no/such/thing")), path("outer/a"));
  EXPECT_EQ(find_project_root(directory_), "");
}

TEST_F(ProjectRoot, needs_more_than_its_file) {
  make_file("p/charter.yml", "version: 1\n");
  EXPECT_EQ(find_project_root(path("p")), "");
  make("p/workflows");
  EXPECT_EQ(find_project_root(path("p")), path("p"));
  fs::remove(path("p/workflows"));
  make("p/.charter");
  EXPECT_EQ(find_project_root(path("p")), path("p"));
  fs::remove(path("p/charter.yml"));
  EXPECT_EQ(find_project_root(path("p")), "");
}

TEST_F(ProjectRoot, goes_by_where_a_link_leads) {
  make_file("real/charter.yml", "name: x\n");
  make("real/sub");
  fs::create_directory_symlink(path("real/sub"), path("link"));
  EXPECT_EQ(find_project_root(path("link")), path("real"));
}

TEST_F(ProjectRoot, knows_a_name_by_its_line) {
  const auto is_root = [this](std::string_view text) {
    make_file("n/charter.yml", text);
    return find_project_root(path("n")) == path("n");
  };
  for (const char* text :
       {"name: x", "name: x\n", "a: 1\r\nname: 'x y'\r\n", "name : x", "\"name\": x", "'name': x",
        "name:\tx", "name: \"x\"", "name: a # comment", "# c\n\nname: x", "name: |\n  text\n"}) {
    EXPECT_TRUE(is_root(text)) << text;
  }
  for (const char* text : {"", "name:", "name: ", "name: ''", "name: \"\"", "name: ~", "name: null",
                           "name: # c", " name: x", "names: x", "name:x", "a:\n  name: x\n",
                           "# name: x", "name: [x]", "name: {a: b}", "name: ~ # none"}) {
    EXPECT_FALSE(is_root(text)) << text;
  }
}

TEST_F(LayoutTest, syncs_directories_and_nothing_else) {
  EXPECT_TRUE(sync_directory(directory_));
  write_file(path("file"), "");
  EXPECT_EQ(sync_directory(path("file")).error().code, std::errc::not_a_directory);
  EXPECT_EQ(sync_directory(path("none")).error().code, std::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace charter::ipc
