"""Runs the real CLI, unchanged, against our daemon.

    build/reference/bin/python tests/interop/test_charter_cli.py

`charter` makes and installs a project, hands runs off, shows and lists them; it picks up runs that
our daemon paused, which our daemon notices and reports, and our daemon picks up those it paused.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from oracle.recorder import WORKER_ID, Recorder
from oracle.side import OURS, REFERENCE

LIMIT = 60.0  # seconds for whatever is expected
NOTICED = 2.0  # seconds, as promised, until a run that went on by another hand is reported
SLACK = 2.0  # seconds more for a machine that is busy
MANIFEST = "id: {0}\nname: {0}\ndescription: of a test\nversion: '1'\n"
SHELL = "  - {{id: {0}, type: shell, run: echo {0}, outputs: {{said_{0}: string}}}}\n"
GATE = "  - {id: ask, type: gate, show: '{{ said_one }}', message: 'go on?'}\n"
WORKFLOWS = {
    "hello": (SHELL.format("one") + SHELL.format("two"), ""),
    "named": ("  - {id: a, type: shell, run: 'printf %s \"$who\"', inputs: {who: name},"
              " outputs: {stdout: string}}\n",
              "inputs:\n  name: {type: string, description: who, required: true}\n"),
    "gate": (SHELL.format("one") + GATE + SHELL.format("two"), ""),
    "broken": ("  - {id: a, type: shell, run: 'echo no >&2; exit 3'}\n", ""),
    "form": ("  - {id: ask, type: input, message: m, questions:"
             " [{id: q, kind: text, prompt: p}], outputs: {answer: q}}\n" + SHELL.format("two"), ""),
}


class Skipped(Exception):
    """Cannot be run here; says why."""


class Scene:
    """A project, our daemon on it, and the recorder it is connected to."""

    def __init__(self, place: Path) -> None:
        self.project = place / "p"
        self.recorder = Recorder()
        self._log = place / "daemon.log"
        self._daemon: asyncio.subprocess.Process | None = None
        sockets = place / "s"
        sockets.mkdir()
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CHARTER_")},
            "PATH": f"{REFERENCE}:{os.environ['PATH']}",
            "CHARTER_DAEMON_SOCKET": str(sockets / "d"),
        }

    async def charter(self, *arguments: str, fails: bool = False) -> str:
        """What the CLI prints."""
        child = await asyncio.create_subprocess_exec(
            str(REFERENCE / "charter"), *arguments, env=self._environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT)
        output = (await asyncio.wait_for(child.communicate(), LIMIT))[0].decode()
        assert (child.returncode != 0) == fails, f"charter {arguments}: {output}"
        return output

    def here(self, *arguments: str) -> tuple[str, ...]:
        return *arguments, "--project-path", str(self.project)

    async def start(self) -> None:
        await self.recorder.start()
        with self._log.open("w") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                str(OURS), "start", "--project-path", str(self.project), "--gateway",
                f"http://127.0.0.1:{self.recorder.port}", "--worker-id", WORKER_ID,
                env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log)
        assert await self.recorder.until(lambda: self.recorder.messages, LIMIT), self._log.read_text()

    async def stop(self) -> None:
        if self._daemon is not None and self._daemon.returncode is None:
            self._daemon.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self._daemon.wait(), LIMIT)
        await self.recorder.stop()

    async def run(self, workflow: str, *more: str) -> str:
        """Hands a run off through the CLI; its id."""
        output = await self.charter(*self.here("run", workflow, "--detached", *more))
        return json.loads(output.splitlines()[-1])["run_id"]

    def events(self, run: str) -> list[dict]:
        return [m["event"] for m in self.recorder.runs[run] if m["type"] == "run.event"]

    def kinds(self, run: str) -> list[str]:
        return [event["kind"].removesuffix("Event") for event in self.events(run)]

    async def until(self, run: str, kind: str, limit: float = LIMIT) -> float:
        """Waits for an event of that kind; the seconds it took."""
        begin = time.monotonic()
        assert await self.recorder.until(lambda: kind in self.kinds(run), limit), (
            f"no {kind} of {run} in {limit} s: {self.kinds(run)}")
        return time.monotonic() - begin

    async def status(self, run: str) -> dict[str, str]:
        """What `charter status` prints, by the word before the colon."""
        lines = (await self.charter(*self.here("status", run))).splitlines()
        return {k: v.strip() for k, _, v in (line.partition(":") for line in lines)}


async def made_and_installed(scene: Scene) -> None:
    await scene.charter("init", str(scene.project))
    for name, (steps, inputs) in WORKFLOWS.items():
        folder = scene.project / "workflows" / name
        folder.mkdir(parents=True)
        (folder / "manifest.yml").write_text(MANIFEST.format(name) + inputs)
        (folder / "plan.yml").write_text("steps:\n" + steps)
    try:
        await scene.charter(*scene.here("install"))
    except AssertionError as error:
        raise Skipped(f"`charter install` does not work here: {error}") from error
    await scene.start()


async def runs_are_handed_off(scene: Scene) -> None:
    run = await scene.run("hello")
    await scene.until(run, "RunComplete")
    assert scene.kinds(run) == ["StepStart", "StepComplete"] * 2 + ["RunComplete"], scene.kinds(run)
    shown = await scene.status(run)
    assert shown["status"] == "completed" and shown["workflow"] == "hello", shown
    assert shown["step"] == "two", shown


async def variables_are_handed_over(scene: Scene) -> None:
    run = await scene.run("named", "--var", "name=Zoë")
    await scene.until(run, "RunComplete")
    assert scene.events(run)[1]["outputs"] == {"stdout": "Zoë"}, scene.events(run)


async def own_ids_are_kept_and_used_once(scene: Scene) -> None:
    assert await scene.run("gate", "--run-id", "my-own-id") == "my-own-id"
    await scene.until("my-own-id", "GatePending")
    refused = await scene.charter(
        *scene.here("run", "gate", "--detached", "--run-id", "my-own-id"), fails=True)
    assert "Run 'my-own-id' is already managed by this daemon" in refused, refused


async def failures_are_shown(scene: Scene) -> None:
    run = await scene.run("broken")
    await scene.until(run, "RunFailed")
    shown = await scene.status(run)
    assert shown["status"] == "failed", shown
    assert shown["error"] == "Shell step 'a' failed with exit code 3: no", shown


async def runs_are_listed(scene: Scene) -> None:
    run = await scene.run("hello")
    await scene.until(run, "RunComplete")
    lines = (await scene.charter(*scene.here("runs", "list"))).splitlines()
    assert any(l.split()[:3] == [run, "completed", "hello"] for l in lines), lines
    assert any(l.split()[:3] == ["my-own-id", "paused", "gate"] for l in lines), lines


async def paused_here_approved_there(scene: Scene) -> None:
    run = await scene.run("gate")
    await scene.until(run, "GatePending")
    assert (await scene.status(run))["status"] == "paused"
    await scene.charter(*scene.here("resume", run, "--approve", "--note", "by hand"))
    took = await scene.until(run, "RunComplete", NOTICED + SLACK)
    decision = next(e for e in scene.events(run) if e["kind"] == "GateDecisionEvent")
    assert decision["approved"] is True and decision["note"] == "by hand", decision
    assert (await scene.status(run))["status"] == "completed"
    print(f"    noticed {took:.2f} s after the CLI had ended")


async def paused_here_denied_there(scene: Scene) -> None:
    run = await scene.run("gate")
    await scene.until(run, "GatePending")
    await scene.charter(*scene.here("resume", run, "--deny", "--note", "no"))
    await scene.until(run, "RunCancelled", NOTICED + SLACK)
    decision = next(e for e in scene.events(run) if e["kind"] == "GateDecisionEvent")
    assert decision["approved"] is False and decision["note"] == "no", decision


async def paused_here_answered_there(scene: Scene) -> None:
    try:
        await scene.run("form", "--run-id", "a-form")
    except AssertionError as error:
        if "does not run: steps of type 'input'" in str(error):
            raise Skipped("this build does not run input steps") from error
        raise
    await scene.until("a-form", "InputPending")
    await scene.charter(*scene.here("submit-input", "a-form", "--answers", '{"q": "x"}'))
    await scene.until("a-form", "RunComplete", NOTICED + SLACK)


async def paused_there_approved_here(scene: Scene) -> None:
    """The CLI runs it in its own process up to the gate; our daemon has never heard of it."""
    await scene.charter(*scene.here("run", "gate", "--run-id", "of-the-cli"))
    assert (await scene.status("of-the-cli"))["status"] == "paused"
    assert "of-the-cli" not in scene.recorder.runs
    await scene.recorder.send({"type": "run.resume", "run_id": "of-the-cli", "approved": True,
                               "note": "from afar", "command_id": "c1"})
    await scene.until("of-the-cli", "RunComplete")
    messages = scene.recorder.runs["of-the-cli"]
    assert messages[0]["type"] == "run.announced", messages
    assert [m["seq"] for m in messages if m["type"] == "run.event"] == [0, 1, 2, 3], messages
    assert scene.kinds("of-the-cli") == ["GateDecision", "StepStart", "StepComplete", "RunComplete"]
    assert (await scene.status("of-the-cli"))["status"] == "completed"


async def paused_there_denied_here(scene: Scene) -> None:
    await scene.charter(*scene.here("run", "gate", "--run-id", "of-the-cli-too"))
    await scene.recorder.send({"type": "run.resume", "run_id": "of-the-cli-too", "approved": False,
                               "command_id": "c2"})
    await scene.until("of-the-cli-too", "RunCancelled")
    assert (await scene.status("of-the-cli-too"))["status"] == "cancelled"


async def without_a_daemon_it_says_so(scene: Scene) -> None:
    await scene.stop()
    output = await scene.charter(*scene.here("run", "hello", "--detached"), fails=True)
    assert "charter-daemon" in output, output
    assert "completed" in await scene.charter(*scene.here("runs", "list"))


CASES = [made_and_installed, runs_are_handed_off, variables_are_handed_over,
         own_ids_are_kept_and_used_once, failures_are_shown, runs_are_listed,
         paused_here_approved_there, paused_here_denied_there, paused_here_answered_there,
         paused_there_approved_here, paused_there_denied_here, without_a_daemon_it_says_so]


async def main() -> int:
    place = Path(tempfile.mkdtemp(prefix="charter-cli-"))
    scene = Scene(place)
    passed = failed = skipped = 0
    try:
        for case in CASES:
            begin = time.monotonic()
            try:
                await case(scene)
                word, passed = "ok", passed + 1
            except Skipped as reason:
                word, skipped = f"skipped: {reason}", skipped + 1
                if case is made_and_installed:
                    skipped = len(CASES)
                    print(word)
                    break
            except Exception:
                word, failed = f"FAILED\n{traceback.format_exc()}", failed + 1
            print(f"{case.__name__}: {word} ({time.monotonic() - begin:.1f} s)", flush=True)
    finally:
        await scene.stop()
        shutil.rmtree(place, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
