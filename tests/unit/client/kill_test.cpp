// kill: by the daemon while it answers, else by the guardian that the run's journal names. The
// guardians here are processes of their own that hold the journal's lock and obey the signal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "ipc/journal.h"
#include "ipc/layout.h"
#include "ipc/lock.h"
#include "ipc/log_segment.h"
#include "ipc/peer.h"
#include "tests/unit/client/client_run.h"

namespace charter::client {
namespace {

using ipc::JournalFrame;
using testing::HasSubstr;

struct KillRun : testing::Test {
  Project project;
  ipc::Layout layout{project.root};

  KillRun() { EXPECT_TRUE(layout.create()); }

  // The run's journal with these frames, not locked.
  ipc::UniqueFd journal_with(const std::vector<JournalFrame>& frames) const {
    auto fd = ipc::create_journal(layout.journal("r1")).value();
    append(fd.get(), frames);
    return fd;
  }
  static void append(int fd, const std::vector<JournalFrame>& frames) {
    auto journal = ipc::Journal::attach(fd, ipc::summarize(fd).value().end).value();
    if (!frames.empty() && !journal.append(frames)) std::abort();
  }
  static JournalFrame frame(decltype(JournalFrame::body) body) {
    return {.at_us = ipc::now_us(), .body = std::move(body)};
  }
  static JournalFrame opened_by(pid_t pid, std::uint64_t start) {
    ipc::Opened opened;
    opened.run_id = "r1";
    opened.cause = "start";
    opened.guardian_pid = pid;
    opened.guardian_start = start;
    opened.boot_id = ipc::boot_id();
    opened.pid_namespace = ipc::pid_namespace();
    return frame(opened);
  }
};

// A process that holds the journal as a guardian does; `obey` runs in it.
class Guardian {
 public:
  template <class Obey>
  Guardian(ipc::UniqueFd journal, Obey obey) {
    if (!ipc::try_lock(journal.get()).value()) throw std::runtime_error("journal is held");
    sigset_t asked;
    ::sigemptyset(&asked);
    ::sigaddset(&asked, ipc::kill_signal());
    ::sigprocmask(SIG_BLOCK, &asked, nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      obey(journal.get());
      ::_exit(0);
    }
    ::sigprocmask(SIG_UNBLOCK, &asked, nullptr);
  }
  ~Guardian() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Waits for the request: its grace and who sent it.
  static siginfo_t wait_for_request() {
    sigset_t asked;
    ::sigemptyset(&asked);
    ::sigaddset(&asked, ipc::kill_signal());
    siginfo_t info{};
    while (::sigwaitinfo(&asked, &info) < 0) {
    }
    return info;
  }

 private:
  pid_t pid_ = -1;
};

void write_end(int journal, const siginfo_t& info, std::vector<ipc::LeftProcess> left = {}) {
  ipc::Exit exit;
  exit.cause = "killed";
  exit.asker_uid = info.si_uid;
  exit.elapsed_ms = static_cast<std::uint64_t>(info.si_value.sival_int);  // shows the grace
  ipc::Terminal terminal;
  terminal.status = "cancelled";
  terminal.left = std::move(left);
  KillRun::append(journal, {KillRun::frame(exit), KillRun::frame(terminal)});
}

void obey_at_once(int journal) {
  KillRun::append(journal, {KillRun::opened_by(::getpid(), *ipc::start_time(::getpid()))});
  write_end(journal, Guardian::wait_for_request());
}

TEST_F(KillRun, ByTheDaemonSaysHowLongAndWho) {
  ScriptedDaemon daemon(project.socket);
  ClientRun client(project, {"kill", "r1", "--grace", "1.5", "--note", "why"});
  EXPECT_THAT(daemon.answer("{\"ok\":true}\n"), HasSubstr(R"("op":"ping"})"));
  EXPECT_THAT(daemon.answer(R"({"ok":true,"outcome":"ended","status":"cancelled",)"
                            R"("elapsed_ms":210,"asker_uid":1000,"left":[]})"
                            "\n"),
              HasSubstr(R"("op":"kill","run_id":"r1","grace_ms":1500,"note":"why"})"));
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(), "Run r1 ended (cancelled) after 210 ms, asked by uid 1000.\n");
}

TEST_F(KillRun, ByTheDaemonOfAFinishedRunSaysSo) {
  ScriptedDaemon daemon(project.socket);
  ClientRun client(project, {"kill", "r1"});
  daemon.answer("{\"ok\":true}\n");
  daemon.answer(
      "{\"ok\":true,\"outcome\":\"already_finished\",\"status\":\"completed\",\"left\":[]}\n");
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(), "Run r1 had already finished: completed.\n");
}

TEST_F(KillRun, ProcessesThatAreLeftAreListedAndExitSix) {
  ScriptedDaemon daemon(project.socket);
  const auto kill = [&](std::vector<std::string> words) {
    ClientRun client(project, std::move(words));
    daemon.answer("{\"ok\":true}\n");
    daemon.answer(R"({"ok":true,"outcome":"left","status":"cancelled","elapsed_ms":12000,)"
                  R"("asker_uid":0,"left":[{"pid":7,"name":"sudo","reason":"another uid"}]})"
                  "\n");
    EXPECT_EQ(client.wait(), kExitLeft);
    return client.out();
  };
  EXPECT_EQ(kill({"kill", "r1"}),
            "Run r1 ended (cancelled) after 12.0 s, asked by uid 0; 1 process is left:\n"
            "PID  NAME  WHY\n"
            "  7  sudo  another uid\n");
  EXPECT_EQ(kill({"kill", "r1", "--json"}),
            R"({"run_id":"r1","outcome":"left","status":"cancelled","elapsed_ms":12000,)"
            R"("asker_uid":0,"left":[{"pid":7,"name":"sudo","reason":"another uid"}],)"
            R"("by":"daemon"})"
            "\n");
}

TEST_F(KillRun, ADaemonThatIsOnlySlowIsWaitedForWhileItAnswersPings) {
  ScriptedDaemon daemon(project.socket);
  ClientRun client(project, {"kill", "r1"});
  daemon.answer("{\"ok\":true}\n");
  Visit kill = daemon.accept();
  kill.request();
  EXPECT_THAT(daemon.answer("{\"ok\":true}\n"), HasSubstr(R"("op":"ping"})"))
      << "asked after a second of silence";
  kill.say("{\"ok\":true,\"outcome\":\"ended\",\"status\":\"cancelled\",\"elapsed_ms\":2500}\n");
  EXPECT_EQ(client.wait(), 0);
  EXPECT_THAT(client.out(), HasSubstr("after 2.5 s"));
}

TEST_F(KillRun, WithoutADaemonTheGuardianIsAsked) {
  Guardian guardian(journal_with({}), obey_at_once);
  ClientRun client(project, {"kill", "r1", "--grace", "3", "--note", "a \"reason\"", "--json"});
  EXPECT_EQ(client.wait(), 0) << client.err();
  const std::string uid = std::to_string(::getuid());
  EXPECT_EQ(client.out(),
            R"({"run_id":"r1","outcome":"ended","status":"cancelled","elapsed_ms":3000,)"
            R"("asker_uid":)" +
                uid + R"(,"left":[],"by":"guardian"})" + "\n");
  EXPECT_EQ(read_file(layout.kill_note("r1")), R"({"note":"a \"reason\"","uid":)" + uid + "}");
  EXPECT_EQ(client.err(), "The daemon does not answer; asking the run's guardian.\n");
}

// Its last frame can be read, but after a loss of power it may not be there.
TEST_F(KillRun, AnEndWhoseSyncHasFailedIsNoEndThatIsReported) {
  Guardian guardian(journal_with({}), [](int journal) {
    append(journal, {opened_by(::getpid(), *ipc::start_time(::getpid()))});
    write_end(journal, Guardian::wait_for_request());
    ipc::put_in_doubt(journal);
  });
  for (const char* when : {"as it ends", "afterwards"}) {
    ClientRun client(project, {"kill", "r1"});
    EXPECT_EQ(client.wait(), kExitOther) << when;
    EXPECT_EQ(client.out(), "") << when;
    EXPECT_THAT(client.err(), HasSubstr("the disk may not have its end")) << when;
  }
}

TEST_F(KillRun, ARunThatCompletesBeforeItIsAskedHadFinished) {
  Guardian guardian(journal_with({}), [](int journal) {
    append(journal, {opened_by(::getpid(), *ipc::start_time(::getpid()))});
    (void)Guardian::wait_for_request();
    ipc::Terminal terminal;
    terminal.status = "completed";
    append(journal, {frame(terminal)});
  });
  ClientRun client(project, {"kill", "r1"});
  EXPECT_EQ(client.wait(), 0) << client.err();
  EXPECT_EQ(client.out(), "Run r1 had already finished: completed.\n");
}

TEST_F(KillRun, ADaemonThatIsStoppedIsNotWaitedForLongerThanASecond) {
  ScriptedDaemon silent(project.socket);  // the kernel takes the connection, nobody answers
  Guardian guardian(journal_with({}), obey_at_once);
  const auto began = tests::Clock::now();
  ClientRun client(project, {"kill", "r1"});
  EXPECT_EQ(client.wait(), 0) << client.err();
  EXPECT_GE(tests::since(began), tests::milliseconds(900));
  EXPECT_THAT(client.out(), HasSubstr("by its guardian"));
  EXPECT_THAT(client.out(), HasSubstr("after 10.0 s")) << "the grace is start's default";
}

// A daemon in a container on a busy host: its run's guardian is out of reach from here.
TEST_F(KillRun, ASlowDaemonIsWaitedForWhereTheGuardianIsInAnotherPidNamespace) {
  ScriptedDaemon daemon(project.socket);
  Guardian guardian(journal_with({}), [](int journal) {
    JournalFrame opened = KillRun::opened_by(::getpid(), *ipc::start_time(::getpid()));
    ++std::get<ipc::Opened>(opened.body).pid_namespace;
    KillRun::append(journal, {opened});
    Guardian::wait_for_request();
  });
  ClientRun client(project, {"kill", "r1"});
  Visit unheard = daemon.accept();
  unheard.request();
  EXPECT_THAT(daemon.answer("{\"ok\":true}\n"), HasSubstr(R"("op":"ping"})"));
  EXPECT_THAT(daemon.answer("{\"ok\":true,\"outcome\":\"ended\",\"status\":\"cancelled\","
                            "\"elapsed_ms\":210}\n"),
              HasSubstr(R"("op":"kill","run_id":"r1")"));
  EXPECT_EQ(client.wait(), 0) << client.err();
  EXPECT_THAT(client.out(), HasSubstr("Run r1 ended (cancelled)"));
}

TEST_F(KillRun, TheGuardiansEndIsWaitedFor) {
  int go[2];
  ASSERT_EQ(::pipe(go), 0);
  Guardian guardian(journal_with({}), [&go](int journal) {
    KillRun::append(journal, {KillRun::opened_by(::getpid(), *ipc::start_time(::getpid()))});
    const siginfo_t info = Guardian::wait_for_request();
    char c = 0;
    (void)!::read(go[0], &c, 1);
    write_end(journal, info);
  });
  ClientRun client(project, {"kill", "r1", "--grace", "0"});
  EXPECT_TRUE(tests::throughout(tests::milliseconds(300), [&] { return !client.ended(); }));
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  EXPECT_EQ(client.wait(), 0) << client.err();
  ::close(go[0]);
  ::close(go[1]);
}

TEST_F(KillRun, WhatTheGuardianCouldNotEndIsListed) {
  Guardian guardian(journal_with({}), [](int journal) {
    KillRun::append(journal, {KillRun::opened_by(::getpid(), *ipc::start_time(::getpid()))});
    const siginfo_t info = Guardian::wait_for_request();
    write_end(journal, info, {{42, "sudo", "another uid"}});
  });
  ClientRun client(project, {"kill", "r1"});
  EXPECT_EQ(client.wait(), kExitLeft) << client.err();
  EXPECT_THAT(client.out(), HasSubstr(" 42  sudo  another uid\n"));
}

TEST_F(KillRun, AGuardianThatDiesWithoutAnEndIsNotASuccess) {
  Guardian guardian(journal_with({}), [](int journal) {
    KillRun::append(journal, {KillRun::opened_by(::getpid(), *ipc::start_time(::getpid()))});
    (void)Guardian::wait_for_request();
  });
  ClientRun client(project, {"kill", "r1"});
  EXPECT_EQ(client.wait(), kExitOther);
  EXPECT_THAT(client.err(), HasSubstr("its end is not written"));
}

TEST_F(KillRun, AStrangerWithTheGuardiansOldPidIsNotSignalled) {
  // The journal names this very process id with another start time; somebody else holds the lock.
  const std::uint64_t start = *ipc::start_time(::getpid());
  Guardian holder(journal_with({opened_by(::getpid(), start + 1)}), [](int) { ::pause(); });
  sigset_t asked;
  ::sigemptyset(&asked);
  ::sigaddset(&asked, ipc::kill_signal());
  ::sigprocmask(SIG_BLOCK, &asked, nullptr);
  ClientRun client(project, {"kill", "r1"});
  EXPECT_EQ(client.wait(), kExitOther);
  EXPECT_THAT(client.err(), HasSubstr("its guardian cannot be found"));
  sigset_t pending;
  ::sigpending(&pending);
  EXPECT_FALSE(::sigismember(&pending, ipc::kill_signal()));
}

TEST_F(KillRun, WithoutADaemonAPausedRunCannotBeCancelled) {
  ipc::Pause pause;
  pause.number = 1;
  pause.step_id = "gate";
  journal_with({opened_by(1, 1), frame(pause)});
  ClientRun client(project, {"kill", "r1"});
  EXPECT_EQ(client.wait(), kExitNoDaemon);
  EXPECT_THAT(client.err(), HasSubstr("Run 'r1' is paused, and no daemon answers"));
}

TEST_F(KillRun, WithoutADaemonAFinishedRunIsReportedAsSuch) {
  ipc::Terminal terminal;
  terminal.status = "failed";
  journal_with({opened_by(1, 1), frame(terminal)});
  ClientRun client(project, {"kill", "r1"});
  EXPECT_EQ(client.wait(), 0) << client.err();
  EXPECT_EQ(client.out(), "Run r1 had already finished: failed.\n");
}

TEST_F(KillRun, WithoutADaemonQueuedAndUnknownRunsAreToldApart) {
  project.scratch.write("project/.charter/runs/queued.json", "{}");
  ClientRun queued(project, {"kill", "queued"});
  EXPECT_EQ(queued.wait(), kExitNoDaemon);
  ClientRun unknown(project, {"kill", "unknown"});
  EXPECT_EQ(unknown.wait(), kExitUnknownRun);
  ClientRun evil(project, {"kill", "../../charter"});
  EXPECT_EQ(evil.wait(), kExitUnknownRun);
  EXPECT_THAT(evil.err(), HasSubstr("is not a run id"));
}

TEST_F(KillRun, TheDataDirectoryMayBeElsewhere) {
  const std::string data = project.scratch / "data";
  layout = ipc::Layout(project.root, data);
  ASSERT_TRUE(layout.create());
  Guardian guardian(journal_with({}), obey_at_once);
  ClientRun client(project, {"kill", "r1"}, {{"CHARTER_DAEMON_DATA_DIR", data}});
  EXPECT_EQ(client.wait(), 0) << client.err();
}

TEST_F(KillRun, BadGracesAreUsageErrors) {
  for (const char* grace : {"-1", "1e9", "soon"}) {
    ClientRun client(project, {"kill", "r1", "--grace", grace});
    EXPECT_EQ(client.wait(), kExitUsage) << grace;
  }
}

}  // namespace
}  // namespace charter::client
