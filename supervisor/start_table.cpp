// The table of `start`: its options with their help. What they mean is checked in
// start_options.cpp.
#include <array>

#include "supervisor/run.h"
#include "supervisor/start_options.h"

namespace charter::supervisor {
namespace {

using ipc::OptionKind;

constexpr std::array<std::string_view, 4> kLogLevels{"debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 3> kLogFormats{"text", "json", "journald"};
constexpr std::array<std::string_view, 2> kOnLost{kFailLost, kResumeLost};
constexpr std::array<std::string_view, 2> kReplays{"active", "unconfirmed"};

constexpr std::array<std::string_view, 2> kSandboxes{"none", "project"};

constexpr std::array<std::string_view, 2> kProtocols{"auto", "json"};

constexpr std::array<std::string_view, 2> kOnOff{"on", "off"};

constexpr std::array kOptions{
    ipc::OptionSpec{.name = "project-path",
                    .variable = "CHARTER_PROJECT_PATH",
                    .metavar = "DIRECTORY",
                    .help = "Project root, the directory with charter.yml.",
                    .required = true},
    ipc::OptionSpec{.name = "gateway",
                    .variable = "CHARTER_GATEWAY",
                    .fallback = "http://127.0.0.1:8765",
                    .metavar = "URL",
                    .help = "Base URL of the gateway; the daemon adds the endpoint's path."},
    ipc::OptionSpec{.name = "worker-id",
                    .variable = "CHARTER_DAEMON_WORKER_ID",
                    .metavar = "TEXT",
                    .help = "Stable name under which the gateway knows this daemon.",
                    .shown_default = "sandbox@<hostname>"},
    ipc::OptionSpec{.name = "max-runs",
                    .variable = "CHARTER_DAEMON_MAX_RUNS",
                    .fallback = "4",
                    .metavar = "INTEGER",
                    .help = "Runs that execute at once; more of them wait in a queue.",
                    .kind = OptionKind::integer},
    ipc::OptionSpec{.name = "heartbeat-interval",
                    .variable = "CHARTER_DAEMON_HEARTBEAT_INTERVAL",
                    .fallback = "5.0",
                    .metavar = "SECONDS",
                    .help = "Time between two heartbeats to the gateway.",
                    .kind = OptionKind::number},
    ipc::OptionSpec{.name = "reconnect-delay",
                    .variable = "CHARTER_DAEMON_RECONNECT_DELAY",
                    .fallback = "1.0",
                    .metavar = "SECONDS",
                    .help = "From which the waiting time between attempts to connect grows.",
                    .kind = OptionKind::number},
    ipc::OptionSpec{.name = "connect-timeout",
                    .variable = "CHARTER_DAEMON_CONNECT_TIMEOUT",
                    .fallback = "5.0",
                    .metavar = "SECONDS",
                    .help = "Bounds one attempt to connect to the gateway.",
                    .kind = OptionKind::number},
    ipc::OptionSpec{.name = "socket-path",
                    .variable = "CHARTER_DAEMON_SOCKET",
                    .metavar = "PATH",
                    .help = "Socket on which runs are handed over; relative to the project.",
                    .shown_default = ".charter/daemon.sock"},
    ipc::OptionSpec{.name = "log-level",
                    .variable = "CHARTER_DAEMON_LOG_LEVEL",
                    .fallback = "info",
                    .help = "Least severity that is logged, on standard error.",
                    .kind = OptionKind::choice,
                    .choices = kLogLevels},
    ipc::OptionSpec{.name = "log-format",
                    .variable = "CHARTER_DAEMON_LOG_FORMAT",
                    .fallback = "text",
                    .help = "How a log line looks: for people, as one JSON object, or with the "
                            "priority that systemd's journal reads.",
                    .kind = OptionKind::choice,
                    .choices = kLogFormats},
    ipc::OptionSpec{.name = "log-file",
                    .variable = "CHARTER_DAEMON_LOG_FILE",
                    .metavar = "FILE",
                    .help = "Log there instead; SIGHUP and 'reload' open it anew.",
                    .shown_default = "standard error"},
    ipc::OptionSpec{.name = "log-max-bytes",
                    .variable = "CHARTER_DAEMON_LOG_MAX_BYTES",
                    .fallback = "0",
                    .metavar = "BYTES",
                    .help = "Size at which --log-file is renamed to FILE.1 and begun anew, as in "
                            "16M; 0 for never."},
    ipc::OptionSpec{.name = "log-keep",
                    .variable = "CHARTER_DAEMON_LOG_KEEP",
                    .fallback = "5",
                    .metavar = "INTEGER",
                    .help = "How many of the earlier files are kept.",
                    .kind = OptionKind::integer},
    ipc::OptionSpec{.name = "metrics-listen",
                    .variable = "CHARTER_DAEMON_METRICS_LISTEN",
                    .metavar = "ADDRESS:PORT|unix:PATH",
                    .help = "Serve /metrics (for Prometheus), /healthz and /readyz there: on a "
                            "loopback address, port 0 takes a free one, or on a Unix socket, its "
                            "path relative to the project.",
                    .shown_default = "nowhere"},
    ipc::OptionSpec{.name = "kill-grace",
                    .variable = "CHARTER_DAEMON_KILL_GRACE",
                    .fallback = "10.0",
                    .metavar = "SECONDS",
                    .help = "Between TERM and KILL when a run is ended.",
                    .kind = OptionKind::number},
    ipc::OptionSpec{.name = "integration-setup-timeout",
                    .variable = "CHARTER_DAEMON_INTEGRATION_SETUP_TIMEOUT",
                    .fallback = "60.0",
                    .metavar = "SECONDS",
                    .help = "For an integration to answer 'setup' before the run fails.",
                    .kind = OptionKind::number},
    ipc::OptionSpec{.name = "integration-teardown-timeout",
                    .variable = "CHARTER_DAEMON_INTEGRATION_TEARDOWN_TIMEOUT",
                    .fallback = "10.0",
                    .metavar = "SECONDS",
                    .help = "For an integration to answer 'teardown' before it is ended.",
                    .kind = OptionKind::number},
    ipc::OptionSpec{.name = "step-output-max",
                    .variable = "CHARTER_DAEMON_STEP_OUTPUT_MAX",
                    .fallback = "67108864",
                    .metavar = "BYTES",
                    .help = "What a step may print, or an integration answer, before the step "
                            "fails for it, as in 512K or 64M."},
    ipc::OptionSpec{.name = "run-log-max",
                    .variable = "CHARTER_DAEMON_RUN_LOG_MAX",
                    .fallback = "16M",
                    .metavar = "BYTES",
                    .help = "How much is kept for 'logs' of what a run's steps and integrations "
                            "print, as in 512K or 64M; the oldest goes first. 0 for nothing."},
    ipc::OptionSpec{.name = "run-time-max",
                    .variable = "CHARTER_DAEMON_RUN_TIME_MAX",
                    .fallback = "0",
                    .metavar = "SECONDS",
                    .help = "How long a run may execute before it is ended as failed, counted anew "
                            "after each pause; 0 for no limit.",
                    .kind = OptionKind::number},
    ipc::OptionSpec{.name = "on-lost",
                    .variable = "CHARTER_DAEMON_ON_LOST",
                    .fallback = kFailLost,
                    .help = "What becomes of a run whose worker is lost by a crash or with the "
                            "machine, unless its start said so: it fails, or it goes on behind its "
                            "last finished step and does the interrupted one again.",
                    .kind = OptionKind::choice,
                    .choices = kOnLost},
    ipc::OptionSpec{.name = "run-memory-max",
                    .variable = "CHARTER_DAEMON_RUN_MEMORY_MAX",
                    .fallback = "0",
                    .metavar = "BYTES",
                    .help = "What a run's processes may take of the memory, all together, as in "
                            "512M or 2G; 0 for no limit. 'status' says by what means it is in "
                            "force, as for the next two."},
    ipc::OptionSpec{.name = "run-pids-max",
                    .variable = "CHARTER_DAEMON_RUN_PIDS_MAX",
                    .fallback = "0",
                    .metavar = "INTEGER",
                    .help = "How many processes and threads a run may have at once, the one that "
                            "executes it included; 0 for no limit.",
                    .kind = OptionKind::integer},
    ipc::OptionSpec{.name = "run-cpu-max",
                    .variable = "CHARTER_DAEMON_RUN_CPU_MAX",
                    .fallback = "0",
                    .metavar = "PERCENT",
                    .help = "What a run may take of the processors: 100 is one of them, 250 two "
                            "and a half; 0 for no limit.",
                    .kind = OptionKind::integer},
    ipc::OptionSpec{.name = "sandbox",
                    .variable = "CHARTER_DAEMON_SANDBOX",
                    .fallback = "none",
                    .help = "project: steps and integrations write in the project and a temporary "
                            "directory of the run's own only, and gain no privileges (sudo does "
                            "not work); a run is refused where that cannot be had. 'status' says "
                            "how far it goes on this host.",
                    .kind = OptionKind::choice,
                    .choices = kSandboxes},
    ipc::OptionSpec{.name = "max-request-bytes",
                    .variable = "CHARTER_DAEMON_MAX_REQUEST_BYTES",
                    .fallback = "67108864",
                    .metavar = "BYTES",
                    .help = "Largest request that is taken on the socket, as in 64M."},
    ipc::OptionSpec{.name = "data-dir",
                    .variable = "CHARTER_DAEMON_DATA_DIR",
                    .metavar = "DIRECTORY",
                    .help = "Where ledger and journals lie, for projects on NFS or overlay file "
                            "systems; relative to the project.",
                    .shown_default = ".charter/daemon"},
    ipc::OptionSpec{.name = "toolchain-python",
                    .variable = "CHARTER_DAEMON_TOOLCHAIN_PYTHON",
                    .metavar = "FILE",
                    .help = "Interpreter of the Charter toolchain, whose packages Python "
                            "integrations see behind the project's.",
                    .shown_default = "that of the 'charter' command on PATH"},
    ipc::OptionSpec{.name = "replay",
                    .variable = "CHARTER_DAEMON_REPLAY",
                    .fallback = "active",
                    .help = "Sent again after a reconnect: the history of active runs too, or "
                            "only what was not confirmed.",
                    .kind = OptionKind::choice,
                    .choices = kReplays},
    ipc::OptionSpec{.name = "gateway-protocol",
                    .variable = "CHARTER_DAEMON_GATEWAY_PROTOCOL",
                    .fallback = "auto",
                    .help = "auto: charter.capnp.v1 where the gateway chooses it, else JSON; "
                            "json: it is not offered.",
                    .kind = OptionKind::choice,
                    .choices = kProtocols},
    ipc::OptionSpec{.name = "gateway-logs",
                    .variable = "CHARTER_DAEMON_GATEWAY_LOGS",
                    .fallback = "on",
                    .help = "on: what runs print is told to a gateway that speaks "
                            "charter.capnp.v1 and asks for it, as the page of the embedded one "
                            "does; off: it stays here.",
                    .kind = OptionKind::choice,
                    .choices = kOnOff},
    ipc::OptionSpec{.name = "retain",
                    .variable = "CHARTER_DAEMON_RETAIN",
                    .fallback = "7d",
                    .metavar = "TIME",
                    .help = "How long the journal of a delivered run is kept, and what its steps "
                            "have printed: a number with s, m, h or d. State files and artifacts "
                            "always stay."},
    ipc::OptionSpec{.name = "retain-bytes",
                    .variable = "CHARTER_DAEMON_RETAIN_BYTES",
                    .fallback = "1073741824",
                    .metavar = "BYTES",
                    .help = "Most that such journals and logs take together, as in 1G; the oldest "
                            "go first."},
    ipc::OptionSpec{.name = "insecure-token",
                    .variable = "CHARTER_DAEMON_INSECURE_TOKEN",
                    .help = "Send the gateway token unencrypted to a public address as well.",
                    .kind = OptionKind::flag},
    ipc::OptionSpec{.name = "token-file",
                    .variable = "CHARTER_DAEMON_TOKEN_FILE",
                    .metavar = "FILE",
                    .help = "Holds the gateway token; read anew at each connection, and used in "
                            "place of the environment's."},
    ipc::OptionSpec{.name = "ca-file",
                    .variable = "CHARTER_DAEMON_CA_FILE",
                    .metavar = "FILE",
                    .help = "Certificates (PEM) that may vouch for an https gateway.",
                    .shown_default = "the system's"},
    ipc::OptionSpec{.name = "client-cert",
                    .variable = "CHARTER_DAEMON_CLIENT_CERT",
                    .metavar = "FILE",
                    .help = "Certificate (PEM) to show to an https gateway, with its chain."},
    ipc::OptionSpec{.name = "client-key",
                    .variable = "CHARTER_DAEMON_CLIENT_KEY",
                    .metavar = "FILE",
                    .help = "Key (PEM) of --client-cert, where it is not in the same file."},
    ipc::OptionSpec{.name = "config",
                    .variable = "CHARTER_DAEMON_CONFIG",
                    .metavar = "FILE",
                    .help = "Lines of 'option-name = value'; flags and environment go first."},
};

constexpr std::array kExamples{
    ipc::Example{"charter-daemon start --project-path .",
                 "Serves the project here, with a gateway on this host."},
    ipc::Example{"charter-daemon start --config /etc/charter-daemon/shop.conf --log-level debug",
                 "Takes the options from a file, all but one."},
};

constexpr std::array kExitCodes{
    ipc::ExitCode{0, "ended by SIGTERM, SIGINT or 'charter-daemon stop'"},
    ipc::ExitCode{1, "could not start, or could not go on"},
    ipc::ExitCode{2, "bad options"},
};

constexpr ipc::CommandSpec kCommand{
    .name = "start",
    .summary = "Start the daemon of a project, in the foreground",
    .description =
        "Starts the daemon of a project and stays in the foreground. Runs come by the socket and "
        "from the gateway; each executes in a process tree of its own and outlives the daemon.\n\n"
        "The token for the gateway is read from CHARTER_GATEWAY_DAEMON_TOKEN or from --token-file. "
        "The way to the gateway may lead through a proxy: HTTP_PROXY, HTTPS_PROXY and NO_PROXY are "
        "kept.",
    .options = kOptions,
    .examples = kExamples,
    .exit_codes = kExitCodes};

}  // namespace

const ipc::CommandSpec& start_command() { return kCommand; }

}  // namespace charter::supervisor
