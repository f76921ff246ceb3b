"""Runs the reference daemon against the embedded gateway.

    build/reference/bin/python tests/interop/gateway_reference.py [--daemon PROGRAM] [--keep]

PROGRAM is our charter-daemon, whose `gateway` is tested; the daemon that connects to it, and the
CLI that hands runs off, are the reference of build/reference. Whatever works here works for an
unmodified daemon: runs and events arrive, gates are approved and refused, forms answered, runs
started and cancelled, and a gateway that is killed gets what it missed. Exit code 1 when not.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "build/reference/bin"
LIMIT = 30.0  # seconds for whatever is expected at once
TOKEN = "open-sesame"

SHELL = "  - {id: %s, type: shell, run: '%s'}\n"
WORKFLOWS = {
    "hello": SHELL % ("one", "echo hello") + SHELL % ("two", "true"),
    "gate": SHELL % ("before", "true")
    + "  - {id: ask, type: gate, show: what, message: 'go on?'}\n" + SHELL % ("after", "true"),
    "form": "  - {id: ask, type: input, message: m, questions:"
    " [{id: q, kind: text, prompt: p}], outputs: {answer: q}}\n" + SHELL % ("after", "true"),
    "many": "".join(SHELL % (f"s{n}", "sleep 0.05") for n in range(40)),
    "broken": SHELL % ("one", "exit 3"),
}


def eventually(what, condition):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not in {LIMIT:.0f} s: {what}")


def make_project(place):
    run_charter("init", str(place))
    for name, steps in WORKFLOWS.items():
        directory = place / "workflows" / name
        directory.mkdir(parents=True)
        directory.joinpath("manifest.yml").write_text(
            f"id: {name}\nname: {name}\ndescription: of a test\nversion: '1'\n")
        directory.joinpath("plan.yml").write_text("steps:\n" + steps)
    run_charter("install", "--project-path", str(place))


def run_charter(*arguments):
    environment = dict(os.environ, PATH=f"{REFERENCE}:{os.environ['PATH']}")
    done = subprocess.run([REFERENCE / "charter", *arguments], env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Gateway:
    def __init__(self, program, place):
        self.program, self.place, self.port, self.child = program, place, 0, None
        self.token_file = place / "token"
        self.token_file.write_text(TOKEN)
        self.token_file.chmod(0o600)

    def start(self):
        command = [self.program, "gateway", "--listen", f"127.0.0.1:{self.port}",
                   "--data", self.place / "gateway", "--token-file", self.token_file]
        log = open(self.place / "gateway.log", "ab")
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.child.stdout.readline()
        assert line.startswith("charter-daemon gateway listening on http://"), line
        self.port = int(line.rsplit(":", 1)[1])

    def end(self, number):
        begin = time.monotonic()
        self.child.send_signal(number)
        self.child.wait()
        return time.monotonic() - begin

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def get(self, path):
        return self.call("GET", path)[1]

    def status(self, run):
        return self.get(f"/api/runs/{run}").get("status")

    def events(self, run):
        page = self.get(f"/api/runs/{run}/events?limit=5000")
        events = page.get("events", [])
        assert [event["seq"] for event in events] == list(range(len(events))), events
        return [event["event"] for event in events]

    def kinds(self, run):
        return [event["kind"].removesuffix("Event") for event in self.events(run)]

    def order(self, path, body):
        status, answer = self.call("POST", path, body)
        assert status == 202, (status, answer)
        return answer["command_id"]

    def settled(self, command):
        return eventually(f"{command} settled", lambda: (
            lambda view: view if view["settled"] else None)(self.get(f"/api/commands/{command}")))

    def reaches(self, run, status):
        eventually(f"{run} {status}", lambda: self.status(run) == status)


class Daemon:
    def __init__(self, project, gateway, place):
        environment = dict(os.environ, CHARTER_GATEWAY_DAEMON_TOKEN=TOKEN,
                           PATH=f"{REFERENCE}:{os.environ['PATH']}")
        self.project = project
        self.child = subprocess.Popen(
            [REFERENCE / "charter-daemon", "start", "--project-path", project,
             "--gateway", f"http://127.0.0.1:{gateway.port}", "--worker-id", "reference",
             "--heartbeat-interval", "0.2", "--reconnect-delay", "0.1"],
            env=environment, stdout=open(place / "daemon.log", "ab"), stderr=subprocess.STDOUT)
        eventually("the daemon's socket", (project / ".charter/daemon.sock").exists)

    def hand_off(self, workflow):
        out = run_charter("run", "--detached", "--project-path", str(self.project), workflow)
        return json.loads(out.splitlines()[-1])["run_id"]

    def end(self):
        self.child.terminate()
        self.child.wait()


SHELL_RUN = ["StepStart", "StepComplete"]


def runs_arrive(gateway, daemon):
    run = daemon.hand_off("hello")
    gateway.reaches(run, "completed")
    assert gateway.kinds(run) == SHELL_RUN * 2 + ["RunComplete"], gateway.kinds(run)
    view = gateway.get(f"/api/runs/{run}")
    assert view["workflow"] == "hello" and view["worker_id"] == "reference", view
    failed = daemon.hand_off("broken")
    gateway.reaches(failed, "failed")
    assert gateway.events(failed)[-1]["error"] == gateway.get(f"/api/runs/{failed}")["error"]


def decide(gateway, run, approved):
    """The reference drops an approval that comes while it is still pausing, so it is given until
    the run's events show it."""
    def decided():
        if "GateDecision" in gateway.kinds(run):
            return True
        gateway.call("POST", f"/api/runs/{run}/resume", {"approved": approved, "note": "n"})
        return False
    eventually("a decision", decided)


def gates_are_decided(gateway, daemon):
    run = daemon.hand_off("gate")
    gateway.reaches(run, "paused")
    view = gateway.get(f"/api/runs/{run}")
    assert view["waiting_for"] == "gate" and view["waiting"]["message"] == "go on?", view
    decide(gateway, run, True)
    gateway.reaches(run, "completed")
    assert gateway.kinds(run) == (SHELL_RUN + ["GatePending", "GateDecision"] + SHELL_RUN +
                                  ["RunComplete"]), gateway.kinds(run)
    refused = daemon.hand_off("gate")
    gateway.reaches(refused, "paused")
    decide(gateway, refused, False)
    gateway.reaches(refused, "cancelled")
    assert gateway.kinds(refused)[-2:] == ["GateDecision", "RunCancelled"]


def paused_runs_are_cancelled(gateway, daemon):
    run = daemon.hand_off("gate")
    gateway.reaches(run, "paused")

    def cancelled():
        gateway.call("POST", f"/api/runs/{run}/cancel", {"note": "enough"})
        return gateway.status(run) == "cancelled"
    eventually("the cancellation", cancelled)
    assert gateway.events(run)[-1]["note"] == "enough"


def forms_are_answered(gateway, daemon):
    run = daemon.hand_off("form")
    gateway.reaches(run, "paused")
    assert gateway.get(f"/api/runs/{run}")["waiting"]["questions"][0]["id"] == "q"
    wrong = gateway.settled(gateway.order(f"/api/runs/{run}/input", {"input": {"kind": "odd"}}))
    assert wrong["state"] == "failed" and wrong["code"] == "unsupported_input_kind", wrong
    right = gateway.settled(gateway.order(
        f"/api/runs/{run}/input", {"input": {"kind": "form", "answers": {"q": "é"}}}))
    assert right["state"] == "done", right
    gateway.reaches(run, "completed")
    assert "InputPending" in gateway.kinds(run)


def runs_are_started(gateway, daemon):
    status, accepted = gateway.call("POST", "/api/runs", {"workflow_id": "hello"})
    assert status == 202, accepted
    assert gateway.settled(accepted["command_id"])["state"] == "done"
    gateway.reaches(accepted["run_id"], "completed")
    view = gateway.settled(gateway.order("/api/runs", {"workflow_id": "nowhere"}))
    assert view["code"] == "unknown_workflow", view
    again = gateway.order("/api/runs", {"workflow_id": "gate", "run_id": "mine"})
    assert gateway.settled(again)["state"] == "done"
    twice = gateway.settled(gateway.order("/api/runs", {"workflow_id": "gate", "run_id": "mine"}))
    assert twice["code"] == "duplicate_run_id", twice


def killed_gateways_get_what_they_missed(gateway, daemon):
    run = daemon.hand_off("many")
    eventually("some events", lambda: len(gateway.kinds(run)) > 6)
    gateway.end(signal.SIGKILL)
    gateway.start()
    eventually("more events", lambda: len(gateway.kinds(run)) > 20)
    took = gateway.end(signal.SIGTERM)
    assert took < 1.0, f"SIGTERM took {took:.2f} s"
    # Kept for a daemon that is not there yet.
    gateway.start()
    command = gateway.order("/api/runs", {"workflow_id": "hello", "worker": "reference"})
    gateway.reaches(run, "completed")
    assert gateway.kinds(run) == SHELL_RUN * 40 + ["RunComplete"]
    assert gateway.settled(command)["state"] == "done"


def workers_are_shown(gateway, daemon):
    def load():
        here = [w for w in gateway.get("/api/workers")["workers"] if w["connected"]]
        return len(here) == 1 and here[0]["max_runs"] == 4 and here[0]["load"]["paused"] == 1
    eventually("one worker with one paused run", load)


CASES = [runs_arrive, gates_are_decided, paused_runs_are_cancelled, forms_are_answered,
         runs_are_started, workers_are_shown, killed_gateways_get_what_they_missed]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--daemon", default=ROOT / "build/release/bin/charter-daemon")
    parser.add_argument("--keep", action="store_true", help="leave the directory behind")
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="charter-interop-"))
    gateway, daemon, failures = Gateway(options.daemon, place), None, 0
    try:
        make_project(place / "project")
        gateway.start()
        daemon = Daemon(place / "project", gateway, place)
        for case in CASES:
            begin = time.monotonic()
            try:
                case(gateway, daemon)
                outcome = "ok"
            except Exception as error:
                failures += 1
                outcome = f"FAILED: {type(error).__name__}: {error}"
            print(f"{case.__name__}: {outcome} ({time.monotonic() - begin:.1f} s)", flush=True)
        assert TOKEN not in (place / "gateway.log").read_text(), "the token is in the log"
    finally:
        if daemon:
            daemon.end()
        if gateway.child and gateway.child.poll() is None:
            gateway.end(signal.SIGTERM)
        if options.keep:
            print(place)
        else:
            shutil.rmtree(place, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
