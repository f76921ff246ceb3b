"""One daemon on one fresh project with one recorder: what every part is measured on."""

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from processes import below, cpu_ms, product, pss_mb
from record import Record

MANIFEST = "id: {0}\nname: {0}\ndescription: of the benchmark\nversion: '1'\n"


def shell_steps(count: int) -> str:
    return "".join(f"  - {{id: s{i}, type: shell, run: 'true'}}\n" for i in range(count))


def state_steps(count: int) -> str:
    return "".join(
        f"  - {{id: s{i}, type: state, action: set, key: k{i}, inputs: {{value: {{value: {i}}}}}}}\n"
        for i in range(count)
    )


WORKFLOWS = {
    "one": shell_steps(1), "fifty": shell_steps(50), "state": state_steps(50),
    "sleep": "  - {id: s, type: shell, run: exec sleep 600}\n",
    "gate": "  - {id: g, type: gate, show: s, message: m}\n",
    "python": "  - {id: p, type: step, uses: capability/echo}\n",
}

CAPABILITIES = {"capability/echo": {"kind": "python", "spec": "echo:Echo", "config": {}}}
INTEGRATION = """from charter_integration_sdk import WorkflowIntegration


class Echo(WorkflowIntegration):
    def __init__(self):
        pass

    async def execute(self, step, context):
        return {"id": step.id}
"""


@dataclass
class Setting:
    """What a part wants of its scene."""

    protocol: str = "json"  # which the recorder chooses where it is offered
    max_runs: int = 4
    arguments: tuple[str, ...] = ()  # more of them, for `start`


class Scene:
    """A started daemon; times in seconds, on the monotonic clock."""

    def __init__(self, side: "Side", place: Path, setting: Setting) -> None:
        self.side = side
        self._setting = setting
        self.project = place / "p"
        # Short, because a socket's path may have 107 bytes only.
        self._sockets = tempfile.TemporaryDirectory(prefix="charter-bench-")
        self.socket = f"{self._sockets.name}/s"
        self._place = place
        self._lay_out()
        self.record = Record(place / "record")
        self._recorder, self._port = self._start_recorder("0")
        self._daemon, self.ready_ms = self._start_daemon()

    def _lay_out(self) -> None:
        for name, steps in WORKFLOWS.items():
            folder = self.project / "workflows" / name
            folder.mkdir(parents=True)
            (folder / "manifest.yml").write_text(MANIFEST.format(name))
            (folder / "plan.yml").write_text("steps:\n" + steps)
        (self.project / "charter.yml").write_text(
            "name: bench\ncapabilities: {echo: {python: 'echo:Echo'}}\n")
        (self.project / "echo.py").write_text(INTEGRATION)
        # What `charter install` leaves: an environment that does not look into the interpreter's own
        # packages, which may be any number.
        venv = self.project / ".charter/.venv"
        (venv / "bin").mkdir(parents=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        (venv / "lib" / version / "site-packages").mkdir(parents=True)
        python = Path(sys.executable).resolve()
        (venv / "bin/python").symlink_to(python)
        (venv / "pyvenv.cfg").write_text(
            f"home = {python.parent}\ninclude-system-site-packages = false\n"
            f"version = {platform.python_version()}\n")
        (self.project / ".charter/install-state.json").write_text('{"requirements": []}')
        os.sync()

    def _start_recorder(self, port: str) -> tuple[subprocess.Popen, str]:
        recorder = subprocess.Popen(
            [self.side.tools / "recorder", self._place / "record", port, "--protocol",
             self._setting.protocol],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        return recorder, recorder.stdout.readline().decode().strip()

    def lose_gateway(self) -> None:
        self._recorder.stdin.close()
        self._recorder.wait(10)

    def return_gateway(self) -> None:
        self._recorder, _ = self._start_recorder(self._port)

    def _start_daemon(self) -> tuple[subprocess.Popen, float]:
        command = [self.side.daemon, "start", "--project-path", self.project,
                   "--gateway", f"http://127.0.0.1:{self._port}", "--socket-path", self.socket,
                   "--worker-id", "bench", "--log-level", "error",
                   "--max-runs", str(self._setting.max_runs), *self._setting.arguments]
        # Nor what would keep Python from keeping what it has compiled, which nobody's daemon has.
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith(("CHARTER_", "PYTHON"))}
        # Where the `charter` command is, whose interpreter has what integrations import.
        environment["PATH"] = f"{self.side.toolchain}:{environment['PATH']}"
        with (self._place / "daemon.log").open("w") as log:
            begin = time.monotonic()
            daemon = subprocess.Popen(command, stdout=log, stderr=log, env=environment,
                                      start_new_session=True)
        while not self._answers():
            if daemon.poll() is not None or time.monotonic() > begin + 20:
                raise RuntimeError((self._place / "daemon.log").read_text())
            time.sleep(0.0005)
        return daemon, (time.monotonic() - begin) * 1000

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(self.socket) == 0

    def started(self, figures: dict) -> None:
        values = figures.setdefault("start until the socket answers, ms", {})
        values.setdefault(self.side.name, []).append(self.ready_ms)

    def pss_mb(self) -> float:
        """Memory of the daemon and of its runs' processes but the steps' own."""
        return pss_mb(product(self._daemon.pid))

    def processes(self) -> int:
        """How many there are beside the daemon's own."""
        return len(below(self._daemon.pid))

    def cpu_ms(self, seconds: float) -> float:
        """Processor time that the daemon and its runs' processes but the steps' own take."""
        pids = product(self._daemon.pid)
        before = cpu_ms(pids)
        time.sleep(seconds)
        return cpu_ms(pids) - before

    def load(self, workflow: str, prefix: str, clients: int, runs: int) -> dict:
        """Hands runs off; the load generator's figures."""
        plan = self.project / "workflows" / workflow / "plan.yml"
        done = subprocess.run(
            [self.side.tools / "load", self.socket, workflow, plan, prefix, str(clients),
             str(runs)],
            stdout=subprocess.PIPE, check=True,
        )
        return json.loads(done.stdout)

    def wait_until(self, what: str, condition, limit: float = 180) -> None:
        """Sleeps most of the time, so as not to take a processor from what is measured."""
        deadline = time.monotonic() + limit
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.side.name}: not in {limit} s: {what}")
            time.sleep(0.2)

    def wait_for(self, find, prefix: str, count: int) -> list[int]:
        """Waits until the record has that many of what `find` finds."""

        def there() -> bool:
            self.record.read()
            return len(find(prefix)) >= count

        self.wait_until(f"{count} of {find.__name__} of '{prefix}'", there)
        return find(prefix)

    def wait_for_ends(self, prefix: str, runs: int) -> list[int]:
        return self.wait_for(self.record.ends, prefix, runs)

    def run_ms(self, workflow: str, prefix: str, capabilities: dict = CAPABILITIES) -> float:
        """One run, from its hand-off to its last event at the gateway. Only what has come since is
        looked at, so that looking takes no processor from what is measured."""
        since = len(self.record.lines)
        request = {"type": "start_run", "run_id": f"{prefix}-0", "workflow_id": workflow,
                   "workflow_path": str(self.project / "workflows" / workflow / "plan.yml"),
                   "variables": {}, "capabilities": capabilities, "workflow_snapshot": None}
        begun = time.monotonic_ns()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.socket)
            client.sendall(json.dumps(request).encode() + b"\n")
            answer = client.makefile().readline()
        if '"ok":true' not in answer.replace(" ", ""):
            raise RuntimeError(f"{self.side.name}: '{prefix}' refused: {answer}")
        deadline = time.monotonic() + 30
        while not (ends := self.record.ends(prefix, since)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.side.name}: no end of '{prefix}' in 30 s")
            time.sleep(0.0005)
            self.record.read()
        if not self.record.arrivals(prefix, b'"RunCompleteEvent"', since=since):
            raise RuntimeError(f"{self.side.name}: '{prefix}' has not completed")
        return (ends[0] - begun) / 1e6

    def wait_for_state_files(self, prefix: str, runs: int) -> None:
        """Waits until that many runs have completed, as the project's files have it."""
        folder = self.project / ".charter/runs"
        completed = b'"status": "completed"'

        def there() -> bool:
            files = list(folder.glob(f"{prefix}-*.json"))
            return len(files) >= runs and all(completed in file.read_bytes() for file in files)

        self.wait_until(f"{runs} completed runs of '{prefix}'", there)

    def close(self) -> None:
        left = []
        for pid in below(self._daemon.pid):
            with suppress(ProcessLookupError):  # it has just ended by itself
                left.append(os.pidfd_open(pid))
        if self.side.name == "ours":
            # Its runs would outlive it, and take processors from the next measurement.
            subprocess.run([self.side.daemon, "stop", "--runs", "--project-path", self.project,
                            "--socket-path", self.socket], stdout=subprocess.DEVNULL)
        self._daemon.send_signal(signal.SIGTERM)
        try:
            self._daemon.wait(10)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()
        end(left)
        self.lose_gateway()
        self._sockets.cleanup()


def end(processes: list[int]) -> None:
    """Steps that their daemon has left behind, by pidfd, so that no number means another."""
    for process in processes:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)


class Side:
    """One of the two daemons."""

    def __init__(self, name: str, daemon: Path, tools: Path, toolchain: Path, place: Path) -> None:
        self.name = name
        self.daemon = daemon
        self.tools = tools
        self.toolchain = toolchain
        self._place = place

    @contextmanager
    def scene(self, name: str, setting: Setting):
        place = self._place / f"{name}-{self.name}"
        place.mkdir()
        scene = Scene(self, place, setting)
        try:
            yield scene
        finally:
            scene.close()
