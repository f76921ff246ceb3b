#include "client/topics.h"

#include <array>

namespace charter::client {
namespace {

using ipc::Topic;
using ipc::TopicTail;

constexpr std::string_view kGettingStarted =
    R"(The daemon belongs to one project, the directory with
charter.yml. In it, this runs a gateway with its page and the daemon until Ctrl-C, and opens the page:

    charter-daemon dev --open

From another terminal in the project, a workflow is started and followed, and all runs are listed:

    charter-daemon run nightly --var days=7 --follow
    charter-daemon list

On a server both run by themselves, the gateway once a host and the daemon, usually as a service, once a project.

    charter-daemon gateway --listen 127.0.0.1:8765
    charter-daemon start --project-path /srv/shop --gateway http://127.0.0.1:8765

Where something does not work:

    charter-daemon doctor)";

constexpr std::string_view kRuns =
    R"(A run is one execution of a workflow, with an id that names it for
ever. It executes in a process tree of its own, which outlives the daemon: a daemon that is stopped, killed or
upgraded finds its runs again.

    charter-daemon run nightly --run-id 2026-01-31
    charter-daemon list --status active
    charter-daemon status 2026-01-31
    charter-daemon events 2026-01-31 --follow
    charter-daemon logs 2026-01-31 --follow
    charter-daemon kill 2026-01-31 --note 'wrong inputs'

More runs than --max-runs wait in a queue. A run whose worker is lost, by a crash or with the machine, has
failed, unless --on-lost resume lets it go on behind its last finished step. A run that has failed goes on as
a new one, its finished steps skipped:

    charter-daemon retry 2026-01-31 --follow

What is kept of a run that is over is given up by 'forget', or by itself after the daemon's --retain.)";

constexpr std::string_view kApprovals =
    R"(A run pauses at a gate, which is approved or denied, and at a
form, whose questions are answered. No process waits meanwhile, and a restart changes nothing. Answers come from
the gateway's page, from its API, or from here:

    charter-daemon list --status paused
    charter-daemon resume RUN --approve --note 'looks fine'
    charter-daemon resume RUN --deny
    charter-daemon submit RUN --answers '{"region": "eu"}'

Commands that wait for a run, at a terminal, ask by themselves; elsewhere they say how to answer, and go on
waiting. Whoever answers first counts.)";

constexpr std::string_view kGateway = R"(The daemon connects to its gateway and never the other way
round. While there is none it works as ever and keeps what it has to tell; 'status' says how the link stands,
what waits, and when the next attempt is due.

    charter-daemon start --project-path . --gateway https://gateway.example --token-file /etc/charter/token

The token is read from the file, anew at each connection, or from CHARTER_GATEWAY_DAEMON_TOKEN. It is in no log,
argument or child's environment, and does not go unencrypted to a public address. An https gateway must have a
certificate that the system, or --ca-file, vouches for. The way may lead through a proxy: HTTP_PROXY,
HTTPS_PROXY and NO_PROXY are kept.

The gateway that is part of this program keeps workers, runs and events in a database and serves a page:

    charter-daemon gateway --listen 127.0.0.1:8765 --token-file /etc/charter/token)";

constexpr std::string_view kLimits =
    R"(What a run may take, all its processes together: --run-memory-max,
--run-pids-max and --run-cpu-max; how long it may execute: --run-time-max; what one step may print:
--step-output-max; how much of that is kept for 'logs': --run-log-max; how many runs execute at once: --max-runs.

    charter-daemon start --project-path . --run-memory-max 2G --run-pids-max 512 --run-time-max 3600

The first three need control groups: of version 2, delegated to the daemon, or of version 1. The packages' units
delegate none; from systemd 254 on a drop-in may, with Delegate= and DelegateSubgroup= (docs/OPERATING.md,
Limits). Where there are none, memory is limited process by process. What is in force, and by what means, is
found out by trying and said by:

    charter-daemon status)";

constexpr std::string_view kSandbox =
    R"(With --sandbox project a run's steps and integrations write in the
project and in a temporary directory of their own and nowhere else, and gain no privileges: sudo does not work
there. The daemon's option is for all runs, that of 'run' for one:

    charter-daemon start --project-path . --sandbox project
    charter-daemon run nightly --sandbox project

Level 1 needs Landlock, Linux 5.13 or newer; level 2 a mount namespace besides, and hides what is not the
project's. 'status' says which level can be had and what is missing. Where not even the first can be had, runs
that ask for it are refused; nothing ever runs outside because of it.)";

constexpr std::string_view kServices =
    R"(Stopping the daemon leaves its runs alone: they go on, and the next
daemon finds them. So it is stopped, upgraded and started again at any time:

    charter-daemon stop

Before a host goes down it is better to let what executes come to its end, and to begin nothing more:

    charter-daemon drain --wait

A token, certificates, limits and --max-runs that have changed in the --config file or the files it names count
without a restart after this, or after SIGHUP:

    charter-daemon reload

With --metrics-listen the daemon serves /metrics for Prometheus, /healthz and /readyz on a loopback address or a
Unix socket.

    charter-daemon start --project-path . --metrics-listen 127.0.0.1:9464

An installed package has units for systemd, of which each instance is the daemon of one project, with options as
variables in /etc/charter-daemon/INSTANCE.env; docs/OPERATING.md, which comes with it, says how they are set up.)";

constexpr std::string_view kTroubleshooting =
    R"(This looks at project, daemon, host and the way to the gateway,
and says what to do; called with the daemon's options, environment or --config it sees what the daemon sees:

    charter-daemon doctor

What the daemon knows of itself, and of one run with its steps:

    charter-daemon status
    charter-daemon status RUN

What somebody who is asked for help wants to see, without secrets, in one file:

    charter-daemon support-bundle -o /tmp/for-help.tar.gz

The daemon logs on its standard error, for a service in the journal; what workers and integrations say is in
.charter/daemon/workers.log. A daemon that 'holds' says why under 'holding' in 'status'; 'adopt' lets it go on.)";

constexpr std::string_view kExitCodes =
    R"(0 says that all went well, 2 that the options are wrong. The
commands that ask a daemon share the meanings of the others (5 is a refusal, of 'reload' for wrong options);
'start', 'gateway', 'dev', 'doctor' and 'support-bundle' have their own of 1, and 'dev' of 3 and 7. Of a command
that waits for runs the code is theirs: 0 when all completed, 1 when one failed or was cancelled. Where a signal
ended the command itself, a shell shows 128 and its number.)";

constexpr std::string_view kFiles = R"(All below the project, the directory with charter.yml:

    workflows/ID/plan.yml, manifest.yml   a workflow
    .charter/daemon.sock                  the daemon's socket (--socket-path), for its user and root
    .charter/runs/RUN.json                how a run stands, with its outputs
    .charter/runs/RUN.artifacts/          what it has made
    .charter/kv.json                      what state steps keep
    .charter/daemon/                      the daemon's own (--data-dir): ledger, journals, logs of runs
    .charter/daemon/workers.log           what workers say on standard error
    .charter/dev/                         of 'dev': the gateway's data and the page's token

The daemon's own files must be on a local file system; where the project is not, --data-dir puts them elsewhere.
They are of no use to another daemon: a project that was copied or restored holds its runs until 'adopt'.

The gateway keeps its database in $XDG_STATE_HOME/charter-gateway, else in ~/.local/state/charter-gateway.)";

constexpr std::string_view kEnvironment = R"(A value is looked for on the command line, then in the
environment, then, of 'start' and 'gateway', in the file of --config, whose lines are 'option-name = value'. An empty variable counts as
unset. Besides those of options: CHARTER_GATEWAY_DAEMON_TOKEN holds the gateway's token; HTTP_PROXY, HTTPS_PROXY
and NO_PROXY say which way leads to the gateway; NO_COLOR and TERM=dumb make output plain.)";

constexpr std::string_view kJson =
    R"(With --json a command prints JSON only, one object a line, on standard
output; what is for people is on standard error. The members are a contract (docs/CLIENT.md, "JSON"): none is
taken away or changes its kind, and more may come, so a reader ignores those it does not know.

    charter-daemon list --status failed --since 24h --json
    charter-daemon run nightly --wait --json
    charter-daemon events RUN --follow --json
    charter-daemon status RUN --json

Times are UTC. Events are byte for byte what the gateway gets.)";

constexpr std::array kTopics{
    Topic{"getting-started", "From a project to a run that is followed", kGettingStarted},
    Topic{"runs", "Starting, watching, ending and retrying runs", kRuns},
    Topic{"approvals", "Answering gates and forms", kApprovals},
    Topic{"gateways", "The connection to a gateway, and running one", kGateway},
    Topic{"limits", "What a run may take", kLimits},
    Topic{"sandbox", "Keeping a run's steps in the project", kSandbox},
    Topic{"services", "Stopping, draining, reloading and watching a daemon", kServices},
    Topic{"troubleshooting", "Finding out what is wrong", kTroubleshooting},
    Topic{"json", "Output for scripts", kJson},
    Topic{"exit-codes", "What exit codes mean", kExitCodes, TopicTail::exit_codes},
    Topic{"files", "Where everything is", kFiles},
    Topic{"environment", "Variables and the configuration file", kEnvironment,
          TopicTail::variables}};

}  // namespace

std::span<const Topic> topics() { return kTopics; }

}  // namespace charter::client
