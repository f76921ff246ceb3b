"""One daemon on one fresh project with one recorder: what every part is measured on."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

MANIFEST = "id: {0}\nname: {0}\ndescription: of the benchmark\nversion: '1'\n"
TERMINAL = (b'"RunCompleteEvent"', b'"RunFailedEvent"', b'"RunCancelledEvent"')


def shell_steps(count: int) -> str:
    return "".join(f"  - {{id: s{i}, type: shell, run: 'true'}}\n" for i in range(count))


def state_steps(count: int) -> str:
    return "".join(
        f"  - {{id: s{i}, type: state, action: set, key: k{i}, inputs: {{value: {{value: {i}}}}}}}\n"
        for i in range(count)
    )


WORKFLOWS = {"one": shell_steps(1), "fifty": shell_steps(50), "state": state_steps(50)}


class Record:
    """The recorder's file, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self.lines: list[bytes] = []

    def read(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += lines

    def ends(self, prefix: str) -> list[int]:
        """When the terminal event of each run of that prefix arrived, in nanoseconds."""
        run = f'"{prefix}-'.encode()
        found = [line for line in self.lines if run in line and any(t in line for t in TERMINAL)]
        return [int(line.split(b" ", 1)[0]) for line in found]

    def events(self, prefix: str) -> int:
        run = f'"{prefix}-'.encode()
        return sum(1 for line in self.lines if run in line and b'"run.event"' in line)


class Scene:
    """A started daemon; times in seconds, on the monotonic clock."""

    def __init__(self, side: "Side", place: Path) -> None:
        self.side = side
        self.project = place / "p"
        # Short, because a socket's path may have 107 bytes only.
        self._sockets = tempfile.TemporaryDirectory(prefix="charter-bench-")
        self.socket = f"{self._sockets.name}/s"
        self._place = place
        self._lay_out()
        self.record = Record(place / "record")
        self._recorder, port = self._start_recorder()
        self._daemon, self.ready_ms = self._start_daemon(port)

    def _lay_out(self) -> None:
        for name, steps in WORKFLOWS.items():
            folder = self.project / "workflows" / name
            folder.mkdir(parents=True)
            (folder / "manifest.yml").write_text(MANIFEST.format(name))
            (folder / "plan.yml").write_text("steps:\n" + steps)
        (self.project / "charter.yml").write_text("name: bench\ncapabilities: {}\n")
        # What `charter install` leaves, which the reference asks for; nothing of it is executed.
        venv = self.project / ".charter/.venv"
        (venv / "bin").mkdir(parents=True)
        (venv / "bin/python").touch()
        (venv / "pyvenv.cfg").write_text("version = 3.11.2\n")
        (self.project / ".charter/install-state.json").write_text('{"requirements": []}')
        os.sync()

    def _start_recorder(self) -> tuple[subprocess.Popen, str]:
        recorder = subprocess.Popen(
            [self.side.tools / "recorder", self._place / "record"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        return recorder, recorder.stdout.readline().decode().strip()

    def _start_daemon(self, port: str) -> tuple[subprocess.Popen, float]:
        command = [self.side.daemon, "start", "--project-path", self.project,
                   "--gateway", f"http://127.0.0.1:{port}", "--socket-path", self.socket,
                   "--worker-id", "bench", "--log-level", "error"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CHARTER_")}
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
        """Proportional memory of the daemon's process."""
        text = Path(f"/proc/{self._daemon.pid}/smaps_rollup").read_text()
        return int(next(l for l in text.splitlines() if l.startswith("Pss:")).split()[1]) / 1024

    def load(self, workflow: str, prefix: str, clients: int, runs: int) -> dict:
        """Hands runs off; the load generator's figures."""
        plan = self.project / "workflows" / workflow / "plan.yml"
        done = subprocess.run(
            [self.side.tools / "load", self.socket, workflow, plan, prefix, str(clients),
             str(runs)],
            stdout=subprocess.PIPE, check=True,
        )
        return json.loads(done.stdout)

    def wait_for_ends(self, prefix: str, runs: int, limit: float = 180) -> list[int]:
        """Sleeps most of the time, so as not to take a processor from what is measured."""
        deadline = time.monotonic() + limit
        while True:
            self.record.read()
            ends = self.record.ends(prefix)
            if len(ends) >= runs:
                return ends
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(ends)} of {runs} runs ended in {limit} s")
            time.sleep(0.2)

    def close(self) -> None:
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
        self._recorder.stdin.close()
        self._recorder.wait(10)
        self._sockets.cleanup()


class Side:
    """One of the two daemons."""

    def __init__(self, name: str, daemon: Path, tools: Path, place: Path) -> None:
        self.name = name
        self.daemon = daemon
        self.tools = tools
        self._place = place

    @contextmanager
    def scene(self, name: str):
        place = self._place / f"{name}-{self.name}"
        place.mkdir()
        scene = Scene(self, place)
        try:
            yield scene
        finally:
            scene.close()
