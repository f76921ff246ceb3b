"""A project with a daemon on it, ours or the reference, and the recorder it is connected to."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

from oracle.recorder import WORKER_ID, Recorder
from oracle.worlds import WORLDS

ROOT = Path(__file__).resolve().parents[3]
OURS = Path(os.environ.get("CHARTER_BIN_DIR", ROOT / "build/release/bin")) / "charter-daemon"
REFERENCE = Path(os.environ.get("CHARTER_REFERENCE", ROOT / "build/reference")) / "bin"
START_LIMIT = 30.0  # seconds
# What both daemons get, and nothing else.
ENVIRONMENT = {
    "PATH": os.environ["PATH"], "HOME": "/nowhere", "LANG": "C.UTF-8", "ORACLE_PLAIN": "plain",
    "ORACLE_SECRET": "s3cret-value", "ORACLE_EMPTY": "", "PYTHONDONTWRITEBYTECODE": "1",
}


class Side:
    """One daemon; every scenario of its world uses it."""

    def __init__(self, name: str, world: str, place: Path) -> None:
        self.name = name
        # As long as the other side's: artifacts hold the path, and tell their size.
        self.project = place / f"{name:_<9}" / world
        self.recorder = Recorder()
        self.ended: set[str] = set()
        self._world = world
        # Short, because a socket's path may have 107 bytes only.
        self._sockets = Path(tempfile.mkdtemp(prefix="co-"))
        self.socket = self._sockets / "s"
        self.log = place / f"{name}.log"
        self._daemon: asyncio.subprocess.Process | None = None

    def lay_out(self, documents: dict[str, str]) -> None:
        self.project.mkdir(parents=True)
        # What `charter install` leaves.
        venv = self.project / ".charter/.venv"
        (venv / "bin").mkdir(parents=True)
        python = Path(sys.executable).resolve()
        (venv / "bin/python").symlink_to(python)
        version = ".".join(map(str, sys.version_info[:3]))
        (venv / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n"
                                        f"version = {version}\n")
        (self.project / ".charter/install-state.json").write_text('{"requirements": []}')
        for path, text in {**WORLDS[self._world], **documents}.items():
            file = self.project / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    async def start(self) -> None:
        await self.recorder.start()
        program = OURS if self.name == "ours" else REFERENCE / "charter-daemon"
        command = [program, "start", "--project-path", self.project,
                   "--gateway", f"http://127.0.0.1:{self.recorder.port}",
                   "--socket-path", self.socket, "--worker-id", WORKER_ID,
                   "--heartbeat-interval", "10", "--max-runs", "32"]
        if self.name == "ours":
            command += ["--toolchain-python", REFERENCE / "python"]
        with self.log.open("w") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                *map(str, command), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=ENVIRONMENT, cwd=self.project, start_new_session=True)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_LIMIT
        # Scenarios begin once both the socket and the link are there.
        while not (self._answers() and self.recorder.messages):
            if self._daemon.returncode is not None or loop.time() > deadline:
                raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text()}")
            await asyncio.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def alive(self) -> bool:
        return self._daemon is not None and self._daemon.returncode is None

    async def stop(self) -> None:
        if self._daemon is not None and self._daemon.returncode is None:
            if self.name == "ours":
                # Its runs would outlive it.
                stop = await asyncio.create_subprocess_exec(
                    str(OURS), "stop", "--runs", "--project-path", str(self.project),
                    "--socket-path", str(self.socket), stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL)
                await stop.wait()
            else:
                self._daemon.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._daemon.wait(), 10)
            except TimeoutError:
                self._daemon.kill()
                await self._daemon.wait()
        await self.recorder.stop()
        shutil.rmtree(self._sockets, ignore_errors=True)
