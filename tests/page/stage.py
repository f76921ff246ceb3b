"""A gateway, and a daemon on a copy of examples/project, for the page to show."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import tempfile
import time
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("CHARTER_BIN_DIR", ROOT / "build/release/bin"))
LIMIT = 60.0
# Nothing of the environment the tests run in may configure a daemon.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("CHARTER_")}


class Stage:
    """`token`: what the gateway asks for, or nothing. `project_only`: for `dev`, which starts its own."""

    def __init__(self, token: str = "", project_only: bool = False) -> None:
        self.project_only = project_only
        self._place = tempfile.TemporaryDirectory(prefix="charter-stage-", ignore_cleanup_errors=True)
        self.place = Path(self._place.name)
        self.token = token
        self.port = 0
        self._gateway: asyncio.subprocess.Process | None = None
        self._daemon: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "Stage":
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        self._session = aiohttp.ClientSession(headers=headers)
        if self.token:
            (self.place / "token").write_text(self.token + "\n")
            (self.place / "token").chmod(0o600)
        if not self.project_only:
            await self.start_gateway()
        return self

    async def __aexit__(self, *_) -> None:
        await self.stop_daemon()
        await self.stop_gateway()
        await self._session.close()
        self._place.cleanup()

    def _log(self, name: str):
        return (self.place / name).open("ab")

    async def start_gateway(self) -> None:
        """On the port it had before, if it had one."""
        out = self.place / "gateway.out"
        out.write_text("")
        words = ["gateway", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.place / "gateway")]
        if self.token:
            words += ["--token-file", str(self.place / "token")]
        with out.open("wb") as said, self._log("gateway.log") as log:
            self._gateway = await asyncio.create_subprocess_exec(
                BIN / "charter-daemon", *words, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=log)
        await self.until(lambda: out.read_text().endswith("\n"), "the gateway")
        self.port = int(re.search(r":(\d+)\n", out.read_text())[1])

    async def stop_gateway(self) -> None:
        if self._gateway and self._gateway.returncode is None:
            # Its own send_signal() may reap it, and then nobody hears of its end.
            os.kill(self._gateway.pid, signal.SIGTERM)
            await self._gateway.wait()

    def make_project(self) -> None:
        self.project = self.place / "project"
        if not self.project.exists():
            shutil.copytree(ROOT / "examples/project", self.project)
            (self.project / ".charter").mkdir(exist_ok=True)

    async def start_dev(self) -> dict:
        """`charter-daemon dev` on the project; gives what it says of itself."""
        self.make_project()
        out = self.place / "dev.out"
        out.write_text("")
        with out.open("wb") as said, self._log("dev.log") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                BIN / "charter-daemon", "dev", "--json", "--port", "0", "--project-path", str(self.project),
                stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=log, env=ENVIRONMENT)
        await self.until(lambda: out.read_text().endswith("\n"), "dev")
        found = json.loads(out.read_text())
        self.port = int(found["url"].rsplit(":", 1)[1])
        return found

    async def start_daemon(self, protocol: str = "auto") -> None:
        self.make_project()
        words = ["start", "--project-path", str(self.project), "--gateway", self.url, "--worker-id", "stage",
                 "--reconnect-delay", "0.2", "--gateway-protocol", protocol]
        if self.token:
            words += ["--token-file", str(self.place / "token")]
        with self._log("daemon.log") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                BIN / "charter-daemon", *words, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=ENVIRONMENT)
        await self.until_async(self.has_daemon, "the daemon")

    async def has_daemon(self) -> bool:
        return any(worker["connected"] for worker in (await self.get("/api/workers"))["workers"])

    def add_workflow(self, name: str, steps: str, inputs: str = "") -> None:
        folder = self.project / "workflows" / name
        folder.mkdir()
        (folder / "manifest.yml").write_text(f"id: {name}\nname: {name}\ndescription: of a test\nversion: '1'\n{inputs}")
        (folder / "plan.yml").write_text(steps)

    async def stop_daemon(self) -> None:
        if not self._daemon or self._daemon.returncode is not None:
            return
        end = await asyncio.create_subprocess_exec(
            BIN / "charter-daemon", "stop", "--runs", "--project-path", str(self.project),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
        await end.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._daemon.pid, signal.SIGTERM)
        await self._daemon.wait()

    async def get(self, path: str) -> dict:
        async with self._session.get(self.url + path) as answer:
            return await answer.json()

    async def start(self, workflow: str, run: str, **variables) -> None:
        body = {"workflow_id": workflow, "run_id": run, "variables": variables}
        async with self._session.post(self.url + "/api/runs", json=body) as answer:
            assert answer.status == 202, await answer.text()

    async def order(self, run: str, what: str, **body) -> None:
        async with self._session.post(f"{self.url}/api/runs/{run}/{what}", json=body) as answer:
            assert answer.status == 202, await answer.text()

    async def reaches(self, run: str, **wanted) -> dict:
        """Waits until a run's view has these members."""
        async def there() -> bool:
            view = await self.get(f"/api/runs/{run}")
            return all(view.get(name) == value for name, value in wanted.items())

        await self.until_async(there, f"{run} to be {wanted}")
        return await self.get(f"/api/runs/{run}")

    async def events(self, run: str) -> list[dict]:
        return [row["event"] for row in (await self.get(f"/api/runs/{run}/events?limit=5000"))["events"]]

    async def until(self, condition, what: str) -> None:
        async def there() -> bool:
            return condition()

        await self.until_async(there, what)

    async def until_async(self, condition, what: str) -> None:
        end = time.monotonic() + LIMIT
        while not await condition():
            if time.monotonic() > end:
                logs = "".join(path.read_text()[-1500:] for path in self.place.glob("*.log"))
                raise AssertionError(f"waited too long for {what}\n{logs}")
            await asyncio.sleep(0.05)

    async def pretend(self, count: int, run: str = "run-{:04}", events: bool = False) -> "aiohttp.ClientWebSocketResponse":
        """A connected daemon that has announced `count` runs, which have ended in several ways."""
        socket = await self._session.ws_connect(f"{self.url}/daemon")
        await socket.send_json({"type": "worker.register", "worker_id": "many", "capabilities": {"max_runs": 8},
                                "active_runs": []})
        statuses = ["completed", "failed", "cancelled", "running"]
        for number in range(count):
            name = run.format(number)
            await socket.send_json({
                "type": "run.announced", "run_id": name, "worker_id": "many", "status": statuses[number % 4],
                "workflow_path": f"/p/workflows/flow-{number % 7}/plan.yml",
                "started_at": f"2026-01-02T03:{number // 60 % 60:02}:{number % 60:02}.000001Z"})
        await socket.ping(b"all")
        waiting = asyncio.create_task(self._read_all(socket))
        await self.until_async(lambda: self._has(run.format(count - 1)), "the runs")
        self._readers = getattr(self, "_readers", []) + [waiting]
        return socket

    async def _has(self, run: str) -> bool:
        return "run_id" in await self.get(f"/api/runs/{run}")

    @staticmethod
    async def _read_all(socket) -> None:
        async for _ in socket:
            pass


def event(run: str, seq: int, **members) -> str:
    """A daemon's message with one event."""
    return json.dumps({"type": "run.event", "run_id": run, "worker_id": "many", "seq": seq, "stream_seq": None,
                       "occurred_at": f"2026-01-02T03:04:{seq % 60:02}.000000Z", "event": members})
