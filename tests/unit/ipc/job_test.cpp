#include "ipc/job.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "ipc/prepare.h"
#include "scratch.h"

namespace charter::ipc {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Job some_job() {
  Job job;
  job.run_id = "r";
  job.project_root = "/p";
  job.data_dir = "/p/.charter/daemon";
  job.doorbell = "/tmp/x/bell";
  job.secret = std::string("\0\1secret", 8);
  job.burst = 3;
  job.cause = "resume";
  job.state = "{\"run_id\":\"r\"}";
  job.command = Command{"r", 8, "c", "approve", "fine", "{}", 1000, 5, 0};
  job.kill_grace_ms = 1;
  job.next_seq = 12;
  job.reason = "why";
  job.pauses = 2;
  job.setup_timeout_ms = 3;
  job.teardown_timeout_ms = 4;
  job.step_output_max = 5;
  job.log_max = 1U << 20;
  job.run_time_max_ms = 6;
  job.resume_lost = true;
  job.retry_of = "old";
  job.limits = {1, 2, 3, "/m", "/p", "/c", "/k"};
  job.worker_id = "me@here";
  job.sandbox = {2, {"/p/.charter/daemon", "/p/.charter/runs"}};
  return job;
}

TEST(JobCodec, gives_back_every_field) {
  const Job job = some_job();
  const auto again = decode_job(encode(job));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->run_id, job.run_id);
  EXPECT_EQ(again->project_root, job.project_root);
  EXPECT_EQ(again->data_dir, job.data_dir);
  EXPECT_EQ(again->doorbell, job.doorbell);
  EXPECT_EQ(again->secret, job.secret);
  EXPECT_EQ(again->burst, job.burst);
  EXPECT_EQ(again->cause, job.cause);
  EXPECT_EQ(again->state, job.state);
  ASSERT_TRUE(again->command);
  EXPECT_EQ(again->command->kind, "approve");
  EXPECT_EQ(again->command->note, "fine");
  EXPECT_EQ(again->command->asker_uid, 1000);
  EXPECT_EQ(again->kill_grace_ms, job.kill_grace_ms);
  EXPECT_EQ(again->next_seq, job.next_seq);
  EXPECT_EQ(again->reason, job.reason);
  EXPECT_EQ(again->pauses, job.pauses);
  EXPECT_EQ(again->setup_timeout_ms, job.setup_timeout_ms);
  EXPECT_EQ(again->teardown_timeout_ms, job.teardown_timeout_ms);
  EXPECT_EQ(again->step_output_max, job.step_output_max);
  EXPECT_EQ(again->log_max, job.log_max);
  EXPECT_EQ(again->run_time_max_ms, job.run_time_max_ms);
  EXPECT_TRUE(again->resume_lost);
  EXPECT_EQ(again->retry_of, job.retry_of);
  EXPECT_EQ(again->limits.memory, 1U);
  EXPECT_EQ(again->limits.pids, 2U);
  EXPECT_EQ(again->limits.cpu, 3U);
  EXPECT_EQ(again->limits.memory_group, "/m");
  EXPECT_EQ(again->limits.pids_group, "/p");
  EXPECT_EQ(again->limits.cpu_group, "/c");
  EXPECT_EQ(again->limits.kill_group, "/k");
  EXPECT_EQ(again->worker_id, job.worker_id);
  EXPECT_EQ(again->sandbox.level, 2U);
  EXPECT_EQ(again->sandbox.hidden, job.sandbox.hidden);
  EXPECT_FALSE(decode_job(encode(Job{}))->command);
}

TEST(JobCodec, refuses_another_version_naming_both) {
  std::string bytes = encode(Job{});
  bytes[16] = 7;  // behind the segment table and the root pointer: the first field
  EXPECT_THAT(decode_job(bytes).error().message(),
              AllOf(HasSubstr("version 7"), HasSubstr("version 1")));
  EXPECT_FALSE(decode_job(""));
  EXPECT_FALSE(decode_job(std::string(64, '\xFF')));
}

TEST(MemoryFile, cannot_be_changed_and_is_not_inherited_unasked) {
  const auto fd = memory_file("some bytes");
  ASSERT_TRUE(fd) << fd.error().message();
  EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(::pwrite(fd->get(), "x", 1, 0), -1);
  EXPECT_EQ(::ftruncate(fd->get(), 1), -1);
  EXPECT_EQ(::ftruncate(fd->get(), 100), -1);
  EXPECT_EQ(::fcntl(fd->get(), F_ADD_SEALS, F_SEAL_WRITE), -1);
  EXPECT_EQ(::lseek(fd->get(), 0, SEEK_CUR), 0);
}

// A guardian, its engine and the `project` that follows read the same description in turn.
TEST(MemoryFile, can_be_read_by_one_process_after_the_other) {
  const std::string bytes(100'000, 'j');
  const auto fd = memory_file(bytes);
  ASSERT_TRUE(fd);
  EXPECT_EQ(*read_all(fd->get(), 1U << 20), bytes);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto seen = read_all(fd->get(), 1U << 20);
    ::_exit(seen && *seen == bytes ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*read_all(fd->get(), 1U << 20), bytes);
}

TEST(ReadAll, reads_a_pipe_to_its_end_and_no_further_than_the_limit) {
  for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 300'000U}) {
    for (const std::size_t limit : {std::size_t{300'000}, size}) {
      int ends[2];
      ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
      const UniqueFd reading(ends[0]);
      std::thread writer([size, fd = ends[1]] {
        const UniqueFd writing(fd);
        const std::string bytes(size, 'p');
        for (std::size_t at = 0; at < size;) {
          const ssize_t put = ::write(writing.get(), bytes.data() + at, size - at);
          if (put <= 0) return;
          at += static_cast<std::size_t>(put);
        }
      });
      const auto seen = read_all(reading.get(), limit);
      writer.join();
      ASSERT_TRUE(seen) << size;
      EXPECT_EQ(*seen, std::string(size, 'p'));
    }
  }
  const auto file = memory_file("12345");
  EXPECT_TRUE(read_all(file->get(), 5));
  EXPECT_EQ(read_all(file->get(), 4).error().code, std::errc::file_too_large);
  EXPECT_FALSE(read_all(file->get(), 0));
  EXPECT_FALSE(read_all(-1, 10));
}

TEST(Prepare, gives_back_every_field) {
  PrepareRequest request;
  request.kind = PrepareRequest::Kind::launch;
  request.project_root = "/p";
  request.run_id = "r";
  request.workflow_id = "w";
  request.workflow_path = "/p/workflows/w/plan.yml";
  request.variables = "{\"a\":1}";
  request.snapshot = "{\"steps\":[]}";
  request.has_snapshot = true;
  request.capabilities = "{\"c\":{}}";
  request.text_variables = true;
  request.journal = "/p/r.cj";
  request.blobs = "/p/r.blobs";
  request.sandbox = {1, {"/p/.charter/runs"}};
  request.data_dir = "/d";
  const auto asked = decode_prepare_request(encode(request));
  ASSERT_TRUE(asked) << asked.error().message();
  EXPECT_EQ(asked->kind, request.kind);
  EXPECT_EQ(asked->project_root, request.project_root);
  EXPECT_EQ(asked->run_id, request.run_id);
  EXPECT_EQ(asked->workflow_id, request.workflow_id);
  EXPECT_EQ(asked->workflow_path, request.workflow_path);
  EXPECT_EQ(asked->variables, request.variables);
  EXPECT_EQ(asked->snapshot, request.snapshot);
  EXPECT_TRUE(asked->has_snapshot);
  EXPECT_EQ(asked->capabilities, request.capabilities);
  EXPECT_TRUE(asked->text_variables);
  EXPECT_EQ(asked->journal, request.journal);
  EXPECT_EQ(asked->blobs, request.blobs);
  EXPECT_EQ(asked->sandbox.level, 1U);
  EXPECT_EQ(asked->sandbox.hidden, request.sandbox.hidden);
  EXPECT_EQ(asked->data_dir, "/d");

  PrepareReply reply;
  reply.ok = true;
  reply.code = "code";
  reply.message = "message";
  reply.workflow_path = "/p/plan.yml";
  reply.workflow_id = "w";
  reply.state_head = ",\n  \"created_at\": \"";
  reply.state_tail = "\",\n  \"error\": null\n}";
  reply.prepared = true;
  reply.project_root = "/p/nested";
  reply.reads = {{"/a", 1, 2, -3, 4}, {"/b", 0, 0, 0, 0}};
  const auto answered = decode_prepare_reply(encode(reply));
  ASSERT_TRUE(answered) << answered.error().message();
  EXPECT_TRUE(answered->ok);
  EXPECT_EQ(answered->code, reply.code);
  EXPECT_EQ(answered->message, reply.message);
  EXPECT_EQ(answered->workflow_path, reply.workflow_path);
  EXPECT_EQ(answered->workflow_id, reply.workflow_id);
  EXPECT_EQ(answered->state_head, reply.state_head);
  EXPECT_EQ(answered->state_tail, reply.state_tail);
  EXPECT_TRUE(answered->prepared);
  EXPECT_EQ(answered->project_root, reply.project_root);
  EXPECT_EQ(answered->reads, reply.reads);

  EXPECT_EQ(initial_state(reply, "r", "T"),
            "{\n  \"run_id\": \"r\",\n  \"created_at\": \"T\",\n  \"updated_at\": \"T\",\n"
            "  \"error\": null\n}");
}

TEST(Prepare, refuses_what_is_no_message_of_its_kind) {
  EXPECT_FALSE(decode_prepare_request("{}"));
  EXPECT_FALSE(decode_prepare_reply(std::string(80, '\0')));
  std::string bytes = encode(PrepareRequest{});
  bytes[16] = 9;
  EXPECT_THAT(decode_prepare_request(bytes).error().message(),
              AllOf(HasSubstr("version 9"), HasSubstr("version 1")));
}

class Identity : public Scratch {};

TEST_F(Identity, changes_with_the_file) {
  EXPECT_EQ(identify(path("f")).inode, 0U);
  write_file(path("f"), "one");
  const FileIdentity before = identify(path("f"));
  EXPECT_NE(before.inode, 0U);
  EXPECT_EQ(before.size, 3U);
  EXPECT_EQ(identify(path("f")), before);

  write_file(path("f"), "longer");
  EXPECT_NE(identify(path("f")), before);
  write_file(path("g"), "one");
  std::filesystem::rename(path("g"), path("f"));
  EXPECT_NE(identify(path("f")), before) << "replaced by another file of the same size";
}

}  // namespace
}  // namespace charter::ipc
