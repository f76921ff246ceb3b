// Mode `prepare` on real project trees.
#include "worker/plan/prepare.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ipc/job.h"
#include "worker/json/value.h"

namespace charter::worker {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kManifest =
    "id: w\nname: W\nversion: '1'\ndescription: d\n"
    "inputs:\n  who: {type: string, description: d, required: true}\n"
    "  times: {type: number, description: d, default: 3}\n";
constexpr const char* kPlan = "steps: [{id: a, type: shell, run: echo}]\n";

class Prepare : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "prepare-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = fs::canonical(pattern);
    write("charter.yml", "name: p\n");
    write("workflows/w/manifest.yml", kManifest);
    write("workflows/w/plan.yml", kPlan);
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const fs::path& name, std::string_view text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }

  [[nodiscard]] ipc::PrepareRequest hand_off() const {
    ipc::PrepareRequest request;
    request.project_root = root_;
    request.workflow_id = "w";
    request.workflow_path = root_ / "workflows/w/plan.yml";
    return request;
  }

  [[nodiscard]] ipc::PrepareRequest launch(std::string variables) const {
    ipc::PrepareRequest request = hand_off();
    request.kind = ipc::PrepareRequest::Kind::launch;
    request.workflow_path.clear();
    request.variables = std::move(variables);
    return request;
  }

  static Object state_of(const ipc::PrepareReply& reply) {
    const auto state = parse_json(ipc::initial_state(reply, "r", "t"));
    return state && state->is_object() ? state->as_object() : Object();
  }

  static bool unchanged(const std::vector<ipc::FileIdentity>& reads) {
    return std::all_of(reads.begin(), reads.end(), [](const ipc::FileIdentity& read) {
      return ipc::identify(read.path) == read;
    });
  }

  fs::path root_;
};

TEST_F(Prepare, HandOffGivesTheFirstBytesOfTheStateFile) {
  const ipc::PrepareReply reply = prepare(hand_off());
  ASSERT_TRUE(reply.ok) << reply.message;
  EXPECT_EQ(ipc::initial_state(reply, "r1", "2026-01-02T03:04:05+00:00"),
            R"({
  "run_id": "r1",
  "workflow_id": "w",
  "workflow_snapshot": {
    "workflow": "w",
    "bindings": {},
    "steps": [
      {
        "id": "a",
        "type": "shell",
        "uses": null,
        "with": {},
        "outputs": {},
        "inputs": {},
        "run": "echo",
        "shell": null,
        "show": null,
        "message": null,
        "retry": null,
        "timeout": null
      }
    ]
  },
  "status": "pending",
  "current_step_id": null,
  "variables": {},
  "outputs": {},
  "created_at": "2026-01-02T03:04:05+00:00",
  "updated_at": "2026-01-02T03:04:05+00:00",
  "error": null,
  "gate_history": [],
  "metadata": {
    "resolved_capabilities": {},
    "project_root": ")" +
                root_.string() +
                R"("
  }
})");
}

TEST_F(Prepare, HandOffWithASnapshotNeedsNoPlanFile) {
  fs::remove(root_ / "workflows/w/plan.yml");
  ipc::PrepareRequest request = hand_off();
  EXPECT_THAT(prepare(request).message, HasSubstr("[Errno 2] No such file or directory"));
  request.has_snapshot = true;
  request.snapshot = R"({"workflow": "w", "steps": [{"id": 1, "type": "gate"}]})";
  EXPECT_TRUE(prepare(request).ok);
}

TEST_F(Prepare, HandOffOutsideTheProjectOrWithANulIsRefused) {
  ipc::PrepareRequest request = hand_off();
  request.workflow_path = "/etc/passwd";
  EXPECT_EQ(prepare(request).message,
            "Workflow path '/etc/passwd' is outside daemon project '" + root_.string() + "'");
  request.workflow_path = root_.string() + "/workflows/../../x/plan.yml";
  EXPECT_THAT(prepare(request).message, HasSubstr("is outside daemon project"));
  request.workflow_path = root_.string() + std::string("/a\0b", 4);
  EXPECT_EQ(prepare(request).message, "embedded null byte");
}

TEST_F(Prepare, HandOffThroughALinkOutOfTheProjectIsRefused) {
  fs::create_directory_symlink("/etc", root_ / "workflows/l");
  ipc::PrepareRequest request = hand_off();
  request.workflow_path = root_ / "workflows/l/plan.yml";
  EXPECT_THAT(prepare(request).message, HasSubstr("'/etc/plan.yml' is outside"));
}

TEST_F(Prepare, HandOffOfAnotherIdIsRefused) {
  ipc::PrepareRequest request = hand_off();
  request.workflow_id = "it's";
  EXPECT_EQ(prepare(request).message, "workflow_id mismatch: request=\"it's\" manifest='w'");
}

TEST_F(Prepare, PythonNeedsTheProjectsEnvironment) {
  write("charter.yml", "capabilities: {c: {command: x, env: {A: {from_secret: a/b}}}}\n");
  EXPECT_TRUE(prepare(hand_off()).ok);
  ipc::PrepareRequest request = hand_off();
  request.capabilities = R"({"capability/c": {"kind": "subprocess", "command": ["x"]}})";
  EXPECT_TRUE(prepare(request).ok);
  request.capabilities = R"({"capability/c": {"kind": "python", "spec": "m:C"}})";
  EXPECT_THAT(prepare(request).message, StartsWith("Project runtime is missing at /"));
  write(".charter/.venv/bin/python", "");
  EXPECT_TRUE(prepare(request).ok);
}

TEST_F(Prepare, DatesInAPlanAreRefusedBecauseNoStateFileHoldsThem) {
  write("workflows/w/plan.yml", "steps: [{id: a, type: shell, run: 2024-01-02}]\n");
  EXPECT_EQ(prepare(hand_off()).message, "Object of type date is not JSON serializable");
}

TEST_F(Prepare, NestedProjectIsTheRunsProject) {
  write("sub/charter.yml", "name: n\n");
  write("sub/w/manifest.yml", "id: w\n");
  write("sub/w/plan.yml", kPlan);
  ipc::PrepareRequest request = hand_off();
  request.workflow_path = root_ / "sub/w/plan.yml";
  EXPECT_EQ(prepare(request).project_root, (root_ / "sub").string());
}

TEST_F(Prepare, LaunchKeepsJsonTypesButForDeclaredTexts) {
  const ipc::PrepareReply reply = prepare(launch(R"({"who": 5, "extra": [1.0]})"));
  ASSERT_TRUE(reply.ok) << reply.message;
  EXPECT_EQ(dump(*state_of(reply).find("variables")),
            R"({"who": "5", "extra": [1.0], "times": 3})");
  EXPECT_THAT(prepare(launch(R"({"who": "x", "times": "5"})")).message,
              HasSubstr("input 'times' must match declared type 'number'"));
}

TEST_F(Prepare, LaunchConvertsCommandLineTexts) {
  ipc::PrepareRequest request = launch(R"({"who": "5", "times": "1e3", "extra": "yes"})");
  request.text_variables = true;
  EXPECT_EQ(dump(*state_of(prepare(request)).find("variables")),
            R"({"who": "5", "times": 1000.0, "extra": "yes"})");
}

TEST_F(Prepare, LaunchCodesTellTheCause) {
  const auto code = [this](std::string_view variables) {
    return prepare(launch(std::string(variables))).code;
  };
  EXPECT_EQ(code("{}"), "invalid_input");
  ipc::PrepareRequest unknown = launch("{}");
  unknown.workflow_id = "x";
  EXPECT_EQ(prepare(unknown).code, "unknown_workflow");
  write("workflows/w/plan.yml", "steps: [{id: a, uses: capability/q}]");
  EXPECT_EQ(code(R"({"who": "x"})"), "capability_error");
  write("charter.yml", "zz: 1\n");
  EXPECT_EQ(code(R"({"who": "x"})"), "project_not_found");
  write("charter.yml", "a: [\n");
  EXPECT_EQ(code(R"({"who": "x"})"), "internal_error");
}

TEST_F(Prepare, AFaultAfterPreparationSaysThatTheAnswerNamesTheRun) {
  write("charter.yml", "storage: {driver: redis}\n");
  const ipc::PrepareReply late = prepare(launch(R"({"who": "x"})"));
  EXPECT_FALSE(late.ok);
  EXPECT_TRUE(late.prepared);
  EXPECT_FALSE(prepare(launch("{}")).prepared);
}

TEST_F(Prepare, PackagesNeedInstalling) {
  write("pyproject.toml", "[project]\ndependencies = ['requests>=2']\n");
  EXPECT_EQ(prepare(launch(R"({"who": "x"})")).code, "runtime_unavailable");
  write(".charter/install-state.json",
        R"({"requirements": [{"name": "requests", "raw": "requests>=2"}]})");
  write(".charter/.venv/bin/python", "");
  EXPECT_TRUE(prepare(launch(R"({"who": "x"})")).ok);
}

TEST_F(Prepare, ReadsNameEverythingTheVerdictRestsOn) {
  const auto reads_before = [this](const fs::path& name, std::string_view text) {
    const auto reads = prepare(launch(R"({"who": "x"})")).reads;
    EXPECT_TRUE(unchanged(reads));
    write(name, text);
    return reads;
  };
  EXPECT_FALSE(unchanged(reads_before("workflows/w/plan.yml", "steps: []\n# of another size\n")));
  EXPECT_FALSE(unchanged(reads_before("workflows/v/plan.yml", kPlan))) << "a workflow is added";
  EXPECT_FALSE(unchanged(reads_before("workflows/v/manifest.yml", kManifest))) << "gets its id";
  EXPECT_FALSE(unchanged(reads_before("pyproject.toml", ""))) << "a file that was absent";
}

TEST_F(Prepare, HostileRequestsAreAnsweredNotCrashedOn) {
  ipc::PrepareRequest request = hand_off();
  request.has_snapshot = true;
  for (const std::string& snapshot :
       {std::string(), std::string("[]"), std::string("{\"steps\": ["), std::string("\xff"),
        std::string(200'000, '['),
        std::string("{\"steps\": [{\"id\": {}, \"type\": \"gate\"}]}")}) {
    request.snapshot = snapshot;
    EXPECT_FALSE(prepare(request).ok);
  }
}

// In a process of its own, as it is meant to run, because it bounds itself.
std::string answer_of(std::string_view request) {
  int out[2] = {-1, -1};
  if (::pipe2(out, O_CLOEXEC) != 0) return {};
  const auto in = ipc::memory_file(request);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(in->get(), STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::_exit(prepare_main());
  }
  ::close(out[1]);
  auto reply = ipc::read_all(out[0], 1U << 20);
  ::close(out[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return reply ? *reply : std::string();
}

TEST_F(Prepare, ProgramAnswersOneEncodedRequest) {
  const auto reply = ipc::decode_prepare_reply(answer_of(ipc::encode(hand_off())));
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_TRUE(reply->ok) << reply->message;
  EXPECT_EQ(reply->workflow_path, (root_ / "workflows/w/plan.yml").string());
}

TEST_F(Prepare, ProgramRefusesWhatIsNoRequest) {
  const auto reply = ipc::decode_prepare_reply(answer_of("not a request"));
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply->ok);
  EXPECT_EQ(reply->code, "internal_error");
}

TEST_F(Prepare, DescribesTheWorkflowsOfAProject) {
  write("workflows/broken/manifest.yml", "id: broken\n");
  write("workflows/broken/plan.yml", kPlan);
  write("workflows/no-plan/manifest.yml", kManifest);
  write("workflows/odd name/manifest.yml",
        "id: odd\nname: O\nversion: '1'\ndescription: \"d\\u00e9\"\n"
        "inputs: {many: {type: array, description: d, default: [1, .inf]}}\n");
  write("workflows/odd name/plan.yml", "this is no plan\n");
  write("workflows/file", "");
  ipc::PrepareRequest request;
  request.kind = ipc::PrepareRequest::Kind::describe;
  request.project_root = root_;
  const ipc::PrepareReply reply = prepare(request);
  ASSERT_TRUE(reply.ok) << reply.message;
  const auto all = parse_json(reply.state_head);
  ASSERT_TRUE(all && all->is_array()) << reply.state_head;
  ASSERT_EQ(all->as_array().size(), 3U) << reply.state_head;
  EXPECT_THAT(reply.state_head, StartsWith(R"([{"folder":"broken","error":")"));
  EXPECT_THAT(reply.state_head,
              HasSubstr(R"({"id":"w","name":"W","description":"d","inputs":[)"
                        R"({"name":"who","type":"string","description":"d","required":true},)"
                        R"({"name":"times","type":"number","description":"d","required":false,)"
                        R"("default":3}]})"));
  // What goes on to browsers is JSON as they read it.
  EXPECT_THAT(reply.state_head, ::testing::Not(HasSubstr("Infinity")));
  EXPECT_TRUE(unchanged(reply.reads));
  write("workflows/new/plan.yml", kPlan);
  write("workflows/new/manifest.yml", kManifest);
  EXPECT_FALSE(unchanged(reply.reads)) << "a new workflow must be noticed";
  fs::remove_all(root_ / "workflows");
  EXPECT_EQ(prepare(request).state_head, "[]");
}

}  // namespace
}  // namespace charter::worker
