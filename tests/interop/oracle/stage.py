"""What a scenario does on one side, and what is seen there."""

import asyncio
import json
from pathlib import Path

from charter_core.launch import prepare_launch

from oracle.scenario import Scenario
from oracle.side import Side

REFUSAL = "This version of charter-daemon does not run:"
LIMIT = 60.0  # seconds for whatever is expected
TERMINAL = ("RunCompleteEvent", "RunFailedEvent", "RunCancelledEvent")
PENDING = ("GatePendingEvent", "InputPendingEvent")


def timeless(announcement: dict) -> dict:
    """Without the status, which is the one the run has when the message is sent, on both sides;
    how far a run is by then depends on the machine."""
    known = announcement["status"] in ("running", "paused", "completed", "failed", "cancelled")
    return {**announcement, "status": "<current>" if known else announcement["status"]}


class Stage:
    """One scenario on one side. Ids are the same on both, so that what is seen compares."""

    def __init__(self, scenario: Scenario, side: Side) -> None:
        self.scenario = scenario
        self.side = side
        self.answers: list = []
        self.notes: dict = {}
        self._runs: dict[str, str] = {}
        self._commands = 0

    @property
    def project(self) -> Path:
        return self.side.project

    @property
    def folder(self) -> Path:
        return self.project / "workflows" / self.scenario.name

    def id(self, run: str = "") -> str:
        return self._runs.get(run) or self.scenario.name + (f".{run}" if run else "")

    # Hand-offs

    def request(self, run: str = "", **changed) -> dict:
        """A start_run request for the scenario's workflow; None removes a field."""
        request = {
            "type": "start_run", "run_id": self.id(run), "workflow_id": self.scenario.name,
            "workflow_path": str(self.folder / "plan.yml"), "variables": self.scenario.variables,
            "capabilities": {}, "workflow_snapshot": None, **changed,
        }
        return {key: value for key, value in request.items() if value is not ...}

    async def hand_off(self, run: str = "", **changed) -> bool:
        given = changed.get("run_id")
        self._runs.setdefault(run, given if given and isinstance(given, str) else self.id(run))
        answer = await self.raw(json.dumps(self.request(run, **changed)).encode() + b"\n")
        return bool(answer.get("ok"))

    async def hand_off_prepared(self, run: str = "", variables=None) -> bool:
        """Hands off what the CLI would: its snapshot and its resolved capabilities."""
        prepared = prepare_launch(
            workflow_id=self.scenario.name, project_path=self.project,
            variables=dict(variables or self.scenario.variables), raw_variables={},
            run_id=self.id(run), check_runtime=False)
        return await self.hand_off(
            run, variables=prepared.variables, capabilities=prepared.serialised_capabilities,
            workflow_snapshot=prepared.workflow_snapshot)

    async def raw(self, line: bytes) -> dict:
        """One exchange on the hand-off socket; what is no JSON object comes back as text."""
        reader, writer = await asyncio.open_unix_connection(str(self.side.socket))
        data = b""
        try:
            writer.write(line)
            await writer.drain()
            data = await asyncio.wait_for(reader.read(), LIMIT)
        except (ConnectionError, TimeoutError) as error:
            data = type(error).__name__.encode()
        finally:
            writer.close()
        try:
            answer = json.loads(data)
        except ValueError:
            answer = {"not JSON": data.decode(errors="replace")}
        self.answers.append(answer)
        return answer

    # Commands of the gateway

    def command_id(self) -> str:
        self._commands += 1
        return f"{self.scenario.name}-c{self._commands}"

    async def send(self, message) -> None:
        await self.side.recorder.send(message)

    async def start(self, run: str = "", **changed) -> dict:
        """run.start and its answer."""
        message = {
            "type": "run.start", "command_id": self.command_id(), "run_id": self.id(run),
            "workflow_id": self.scenario.name, "variables": self.scenario.variables, **changed,
        }
        message = {key: value for key, value in message.items() if value is not ...}
        await self.send(message)
        answer = await self.answer(message["command_id"])
        if answer.get("ok") and answer.get("run_id"):
            self._runs[run] = answer["run_id"]
        return answer

    async def answer(self, command_id, nth: int = 1) -> dict:
        """The nth answer to that command."""
        found = self.side.recorder.commands[command_id]
        if not await self.side.recorder.until(lambda: len(found) >= nth, LIMIT):
            self.answers.append(f"no answer to {command_id}")
            return {}
        answer = found[nth - 1]
        self.answers.append(answer)
        return answer

    async def resume(self, run: str = "", approved: object = True, **more) -> None:
        """Decides at the gate the run waits at."""
        await self._decide({"type": "run.resume", "run_id": self.id(run), "approved": approved,
                            "command_id": self.command_id(), **more}, run)

    async def cancel(self, run: str = "", **more) -> None:
        await self._decide({"type": "run.cancel", "run_id": self.id(run),
                            "command_id": self.command_id(), **more}, run)

    async def _decide(self, message: dict, run: str) -> None:
        """The reference drops a decision that comes while integrations are torn down, without a
        sign, so it is repeated there until the run moves."""
        before = len(self.events(run))
        for _ in range(10):
            await self.send(message)
            if self.side.name == "ours":
                return
            if await self.side.recorder.until(lambda: len(self.events(run)) > before, 1.0):
                return

    async def submit(self, answers=None, run: str = "", payload=None) -> dict:
        """run.input and its answer; the reference is asked again while it still tears down."""
        message = {
            "type": "run.input", "run_id": self.id(run), "command_id": self.command_id(),
            "input": payload if payload is not None else {"kind": "form", "answers": answers},
        }
        for nth in range(1, 100):
            await self.send(message)
            answer = await self.answer(message["command_id"], nth)
            if "is still executing" not in str(answer.get("message")):
                break
            self.answers.pop()
            self.messages(run).remove(answer)
        return answer

    # What is waited for

    def messages(self, run: str = "") -> list[dict]:
        return self.side.recorder.runs[self.id(run)]

    def events(self, run: str = "") -> list[dict]:
        return [m["event"] for m in self.messages(run) if m["type"] == "run.event"]

    async def until(self, *kinds: str, run: str = "", count: int = 1) -> None:
        """Waits for that many events of these kinds."""
        if any(REFUSAL in str(answer) for answer in self.answers):
            raise TimeoutError("refused by name")

        def there():
            return sum(event["kind"] in kinds for event in self.events(run)) >= count
        if not await self.side.recorder.until(there, LIMIT):
            seen = [event["kind"] for event in self.events(run)]
            raise TimeoutError(f"{self.id(run)}: {count} of {kinds} expected, seen: {seen}")

    async def end(self, run: str = "") -> None:
        await self.until(*TERMINAL, run=run)

    async def pause(self, run: str = "", count: int = 1) -> None:
        await self.until(*PENDING, run=run, count=count)

    async def run(self, run: str = "", **changed) -> None:
        """Hands off and follows to the next pause or the end."""
        if await self.hand_off(run, **changed):
            await self.until(*TERMINAL, *PENDING, run=run)

    async def launch(self, run: str = "", **changed) -> None:
        """Starts by run.start and follows to the next pause or the end."""
        if (await self.start(run, **changed)).get("ok"):
            await self.until(*TERMINAL, *PENDING, run=run)

    async def lose_gateway(self, run: str = "") -> None:
        """The connection breaks; returns when all that the run has told has been told again."""
        before = len(self.messages(run))
        latest = [m["seq"] for m in self.messages(run) if m["type"] == "run.event"][-1]
        self.side.recorder.drop()
        if not await self.side.recorder.until(
                lambda: any(m.get("seq") == latest for m in self.messages(run)[before:]), LIMIT):
            raise TimeoutError(f"event {latest} has not come again")

    # What was seen

    def observed(self) -> dict:
        seen: dict = {"answers": self.answers, "notes": self.notes, "runs": {}}
        for run, run_id in self._runs.items():
            messages = self.messages(run)
            seen["runs"][run or "run"] = {
                "order": [m["event"]["kind"] if m["type"] == "run.event" else m["type"]
                          for m in messages],
                "announced": [timeless(m) for m in messages if m["type"] == "run.announced"],
                "events": [m for m in messages if m["type"] == "run.event"],
                "state": self._state(run_id),
            }
        kv = self._json(self.project / ".charter/kv.json") if self.scenario.kv else {}
        seen["kv"] = {key: (kv or {}).get(key, "<none>") for key in self.scenario.kv}
        seen["files"] = {}
        for name in self.scenario.files:
            path = self.project / name.replace("@", self.scenario.name)
            seen["files"][name] = path.read_bytes().decode() if path.is_file() else None
        return seen

    def _json(self, path: Path):
        return json.loads(path.read_text()) if path.is_file() else None

    def _state(self, run_id: str):
        path = self.project / f".charter/runs/{run_id}.json"
        if "/" in run_id or "\0" in run_id or not path.is_file():
            return None
        text = path.read_text()
        state = json.loads(text)
        artifacts = {}
        for file in (self.project / f".charter/runs/{run_id}.artifacts").glob("*.json"):
            envelope = file.read_text()
            try:
                value = json.loads(envelope)
                artifacts[f"{value['step_id']}.{value['output_name']}"] = envelope
            except ValueError:
                artifacts["damaged"] = envelope
        return {"value": state, "form": text == json.dumps(state, indent=2),
                "mode": oct(path.stat().st_mode & 0o777),
                "artifacts": dict(sorted(artifacts.items()))}
