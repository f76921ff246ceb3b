"""A gateway that shares no code with ours speaks charter.capnp.v1 with our daemon.

    build/reference/bin/python tests/interop/test_capnp_gateway.py

It is built on aiohttp and pycapnp and knows nothing but the schemas in ipc/. What it reads from the
live stream is compared with the JSON of the same runs and with the bytes of their journals.
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
from datetime import datetime, timezone
from pathlib import Path

import capnp
from aiohttp import WSMsgType, web

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("CHARTER_BIN_DIR", ROOT / "build/release/bin"))
LIMIT = 60.0  # seconds for whatever is expected
PROTOCOL = "charter.capnp.v1"
INCLUDES = ["/usr/include"]  # of libcapnp-dev, for /capnp/c++.capnp
capnp.remove_import_hook()
WIRE = capnp.load(str(ROOT / "ipc/gateway.capnp"), imports=INCLUDES)
FRAMES = capnp.load(str(ROOT / "ipc/charter.capnp"), imports=INCLUDES)

MANIFEST = "id: {0}\nname: {0}\ndescription: of a test\nversion: '1'\n"
GATE = "  - {{id: {0}, type: gate, show: step, message: 'go on?'}}\n"
STATE = "  - {{id: s{0}, type: state, action: set, key: k{0}, inputs: {{value: {{value: {0}}}}}}}\n"
WORKFLOWS = {
    "hello": "  - {id: one, type: shell, run: 'echo \"é\\t1\"', outputs: {stdout: string}}\n",
    "many": "".join(STATE.format(i) for i in range(400)),
    "gates": GATE.format("first") + GATE.format("second"),
    "hold": "  - {id: hold, type: shell, run: sleep 600}\n",
    "form": "  - {id: ask, type: input, message: m, questions: [{id: q, kind: text, prompt: p}],"
            " outputs: {answer: q}}\n",
}


class Gateway:
    """One gateway; `capnp` says whether it chooses the subprotocol."""

    def __init__(self, capnp_: bool) -> None:
        self.capnp = capnp_
        self.messages: list = []  # of all connections: readers, or JSON objects
        self.texts: list[str] = []  # JSON messages as they came
        self.frames: list[bytes] = []
        self.offers: list[str | None] = []
        self.acknowledge = True
        self.port = 0
        self._socket: web.WebSocketResponse | None = None
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/daemon", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        self.offers.append(request.headers.get("Sec-WebSocket-Protocol"))
        socket = web.WebSocketResponse(protocols=(PROTOCOL,) if self.capnp else ())
        await socket.prepare(request)
        self._socket = socket
        if self.capnp:
            await self.send(welcome={"version": 1})
        async for message in socket:
            if self.capnp:
                assert message.type == WSMsgType.BINARY, message
                await self._take(message.data)
            else:
                self.texts.append(message.data)
                self.messages.append(json.loads(message.data))
            self._changed.set()
        return socket

    async def _take(self, data: bytes) -> None:
        with WIRE.ToGateway.from_bytes(data) as message:
            self.messages.append(message.to_dict())
            if message.which() != "events":
                return
            frames = [bytes(frame) for frame in message.events.frames]
        self.frames += frames
        if self.acknowledge:
            last = {e["runId"]: e["seq"] for e in map(event_of, frames)}
            await self.send(acks=[{"runId": run, "seq": seq} for run, seq in last.items()])

    async def send(self, **kind) -> None:
        message = WIRE.ToDaemon.new_message(**kind)
        await self.send_bytes(message.to_bytes())

    async def send_bytes(self, data: bytes) -> None:
        await self._socket.send_bytes(data)

    async def drop(self) -> None:
        self._socket._req.transport.abort()

    async def until(self, condition, what: str):
        """The condition's value, once it has one."""
        deadline = time.monotonic() + LIMIT
        while not (value := condition()):
            self._changed.clear()
            left = deadline - time.monotonic()
            assert left > 0, f"no {what} in {LIMIT} s; last: {self.messages[-5:]}"
            try:
                await asyncio.wait_for(self._changed.wait(), min(left, 0.2))
            except TimeoutError:
                pass
        return value

    def of_kind(self, kind: str) -> list[dict]:
        return [message[kind] for message in self.messages if kind in message]

    def events(self, run: str) -> list[dict]:
        return [event for event in map(event_of, self.frames) if event["runId"] == run]

    async def event(self, run: str, kind: str, number: int = 1) -> dict:
        def found():
            of_that_kind = [e for e in self.events(run) if e["kind"] == kind]
            return of_that_kind[number - 1] if len(of_that_kind) >= number else None
        return await self.until(found, f"{kind} of {run}")

    async def result(self, command: str) -> dict:
        def found():
            results = [r for r in self.of_kind("result") if r["commandId"] == command]
            return results[-1] if results else None
        return await self.until(found, f"result of {command}")


def event_of(frame: bytes) -> dict:
    with FRAMES.JournalFrame.from_bytes(frame) as message:
        assert message.which() == "event", message.which()
        return {**message.event.to_dict(), "at": message.at}


class Scene:
    """A project with our daemon on it."""

    def __init__(self, place: Path) -> None:
        self.project = place / "p"
        self.socket = place / "s"
        self.log = place / "daemon.log"
        self._daemon: asyncio.subprocess.Process | None = None
        self.gateway = Gateway(True)
        for name, steps in WORKFLOWS.items():
            folder = self.project / "workflows" / name
            folder.mkdir(parents=True)
            (folder / "manifest.yml").write_text(MANIFEST.format(name))
            (folder / "plan.yml").write_text("steps:\n" + steps)
        (self.project / "charter.yml").write_text("name: capnp\ncapabilities: {}\n")

    async def start(self, gateway: Gateway, *more: str) -> None:
        self.gateway = gateway
        await gateway.start()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CHARTER_")}
        with self.log.open("a") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                BIN / "charter-daemon", "start", "--project-path", self.project, "--gateway",
                f"http://127.0.0.1:{gateway.port}", "--socket-path", self.socket, "--worker-id",
                "reader", "--reconnect-delay", "0.1", *more, env=environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log)
        await gateway.until(lambda: gateway.messages, "registration")

    async def stop(self) -> None:
        if self._daemon is not None and self._daemon.returncode is None:
            self._daemon.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self._daemon.wait(), LIMIT)
        await self.gateway.stop()

    async def control(self, **request) -> list[bytes]:
        """Every line of the answer but the last, which must be ok."""
        reader, writer = await asyncio.open_unix_connection(str(self.socket), limit=1 << 26)
        writer.write(json.dumps({"type": "control", "version": 1, **request}).encode() + b"\n")
        answer = (await asyncio.wait_for(reader.read(), LIMIT)).splitlines()
        writer.close()
        assert json.loads(answer[-1])["ok"], answer[-1]
        return answer[:-1]

    async def run(self, workflow: str, run: str) -> None:
        await self.control(op="run", workflow=workflow, variables={}, run_id=run)

    def journal(self, run: str) -> bytes:
        return (self.project / f".charter/daemon/journals/{run}.cj").read_bytes()


def stock_message(event: dict) -> bytes:
    """The run.event that JSON gateways get of this event."""
    at = datetime.fromtimestamp(event["at"] // 1_000_000, timezone.utc)
    micros = event["at"] % 1_000_000
    time_text = at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{micros:06}" if micros else "") + "Z"
    head = {"type": "run.event", "run_id": event["runId"], "worker_id": "reader",
            "seq": event["seq"], "stream_seq": None, "occurred_at": time_text}
    return (json.dumps(head, separators=(",", ":"))[:-1].encode() + b',"event":' + event["json"]
            + b"}")


async def the_live_stream_is_that_of_the_json_and_of_the_journal(scene: Scene) -> None:
    await scene.start(Gateway(True))
    gateway = scene.gateway
    assert gateway.offers == [PROTOCOL], gateway.offers
    hello = gateway.of_kind("register")[0]
    assert hello == {"version": 1, "workerId": "reader", "maxRuns": 4, "activeRuns": [],
                     "tellsOutput": True}, hello
    for workflow in ("hello", "many"):
        await scene.run(workflow, workflow)
        # While the run goes on: what is there of it, and what follows.
        lines = await scene.control(op="events", run_id=workflow, follow=True)
        await gateway.event(workflow, "RunCompleteEvent")
        events = gateway.events(workflow)
        assert [e["seq"] for e in events] == list(range(len(events)))
        assert [stock_message(e) for e in events] == lines
        journal, end = scene.journal(workflow), 0
        for frame in (f for f in gateway.frames if event_of(f)["runId"] == workflow):
            begin = journal.find(frame, end)
            assert begin >= 0, "a frame is not what the journal has"
            end = begin + len(frame)
        for event in events:
            decoded = json.loads(event["json"])
            assert decoded["kind"] == event["kind"]
            assert decoded.get("step_id", "") == event["stepId"]
    announced = gateway.of_kind("announced")[0]
    assert announced["runId"] == "hello" and announced["status"] == "running", announced
    assert announced["workflowPath"].endswith("/workflows/hello/plan.yml"), announced


async def a_command_for_a_pause_that_is_over_is_refused(scene: Scene) -> None:
    gateway = scene.gateway
    await scene.run("gates", "gated")
    first = await gateway.event("gated", "GatePendingEvent")
    assert (first["pause"], first["stepId"]) == (1, "first"), first
    approve = {"runId": "gated", "stepId": "first", "pause": 1, "resume": {"approved": True}}
    await gateway.send(command={"commandId": "early", **approve, "stepId": "second", "pause": 2})
    early = await gateway.result("early")
    assert (early["ok"], early["code"]) == (False, "not_paused"), early
    await gateway.send(command={"commandId": "c1", **approve})
    assert (await gateway.result("c1"))["ok"]
    second = await gateway.event("gated", "GatePendingEvent", 2)
    assert (second["pause"], second["stepId"]) == (2, "second"), second
    # A latecomer, and the first one again: neither passes the second gate.
    await gateway.send(command={"commandId": "late", **approve})
    late = await gateway.result("late")
    assert (late["ok"], late["code"]) == (False, "pause_over"), late
    before = len(gateway.of_kind("result"))
    await gateway.send(command={"commandId": "c1", **approve})
    await gateway.until(lambda: len(gateway.of_kind("result")) > before, "answer to the repeat")
    assert (await gateway.result("c1"))["ok"]
    await gateway.send(command={"commandId": "elsewhere", **approve, "pause": 2})
    assert (await gateway.result("elsewhere"))["code"] == "pause_over"
    assert len([e for e in gateway.events("gated") if e["kind"] == "GateDecisionEvent"]) == 1
    note = "ok " * 10_000  # more than one segment of the message pycapnp builds
    await gateway.send(command={"commandId": "c2", **approve, "stepId": "second", "pause": 2,
                                "resume": {"approved": True, "note": note, "hasNote": True}})
    assert (await gateway.result("c2"))["ok"]
    await gateway.event("gated", "RunCompleteEvent")
    decision = json.loads((await gateway.event("gated", "GateDecisionEvent", 2))["json"])
    assert decision["note"] == note
    await gateway.send(command={"commandId": "after", **approve})
    assert (await gateway.result("after"))["code"] == "pause_over"


async def every_kind_of_command_is_answered(scene: Scene) -> None:
    gateway = scene.gateway
    await gateway.send(command={"commandId": "s1", "runId": "held",
                                "start": {"workflowId": "hold", "variables": b"{}"}})
    assert (await gateway.result("s1"))["runId"] == "held"
    await gateway.event("held", "StepStartEvent")
    await gateway.send(command={"commandId": "x1", "runId": "held",
                                "cancel": {"note": "enough", "hasNote": True}})
    assert (await gateway.result("x1"))["ok"]
    cancelled = json.loads((await gateway.event("held", "RunCancelledEvent"))["json"])
    assert cancelled["note"] == "enough", cancelled
    await gateway.send(command={"commandId": "s2", "start": {"workflowId": "nobody"}})
    assert (await gateway.result("s2"))["code"] == "unknown_workflow"
    await scene.run("form", "asked")
    pending = await gateway.event("asked", "InputPendingEvent")
    answers = json.dumps({"kind": "form", "answers": {"q": "é"}}).encode()
    await gateway.send(command={"commandId": "i1", "runId": "asked", "stepId": "ask",
                                "pause": pending["pause"], "input": {"json": answers}})
    assert (await gateway.result("i1"))["ok"]
    await gateway.event("asked", "RunCompleteEvent")
    await gateway.send(command={"commandId": "m1", "resume": {"approved": True}})
    assert (await gateway.result("m1"))["code"] == "invalid_command"


async def what_is_not_acknowledged_comes_again(scene: Scene) -> None:
    gateway = scene.gateway
    gateway.acknowledge = False
    await scene.run("hello", "twice")
    await gateway.event("twice", "RunCompleteEvent")
    await gateway.drop()
    await gateway.event("twice", "RunCompleteEvent", 2)
    first, second = gateway.events("twice")[:3], gateway.events("twice")[3:]
    assert first == second, (first, second)
    gateway.acknowledge = True
    await gateway.drop()
    await gateway.event("twice", "RunCompleteEvent", 3)
    await gateway.drop()
    registrations = len(gateway.of_kind("register"))
    await gateway.until(lambda: len(gateway.of_kind("register")) > registrations, "connection")
    assert len(gateway.events("twice")) == 9, "it was acknowledged"


async def bad_messages_end_the_connection_with_a_clear_error(scene: Scene) -> None:
    gateway = scene.gateway
    for number, data in enumerate([b"", b"nonsense", b"\xff" * 64, os.urandom(1 << 16)]):
        connections = len(gateway.offers)
        await gateway.send_bytes(data)
        await gateway.until(lambda: len(gateway.offers) > connections, "new connection")
        registrations = number + 1
        await gateway.until(lambda: len(gateway.of_kind("register")) > registrations, "hello")
    log = scene.log.read_text()
    assert log.count("the gateway sent a malformed charter.capnp.v1 message") == 4, log
    assert "nonsense" not in log
    await scene.run("hello", "afterwards")
    await gateway.event("afterwards", "RunCompleteEvent")


async def a_run_goes_on_in_the_other_protocol(scene: Scene) -> None:
    capnp_gateway = scene.gateway
    await scene.run("gates", "moved")
    await capnp_gateway.event("moved", "GatePendingEvent")
    await scene.stop()
    stock = Gateway(False)
    await scene.start(stock)
    assert stock.offers == [PROTOCOL]
    def arrived():
        return [t for t in stock.texts if '"run.event"' in t and '"moved"' in t]
    await stock.until(arrived, "history in JSON")
    events = [stock_message(e).decode() for e in capnp_gateway.events("moved")]
    assert arrived() == events, (arrived(), events)


CASES = [the_live_stream_is_that_of_the_json_and_of_the_journal,
         a_command_for_a_pause_that_is_over_is_refused, every_kind_of_command_is_answered,
         what_is_not_acknowledged_comes_again,
         bad_messages_end_the_connection_with_a_clear_error, a_run_goes_on_in_the_other_protocol]


async def main() -> int:
    place = Path(tempfile.mkdtemp(prefix="cg-"))
    scene = Scene(place)
    passed = failed = 0
    try:
        for case in CASES:
            begin = time.monotonic()
            try:
                await case(scene)
                word, passed = "ok", passed + 1
            except Exception:
                word, failed = f"FAILED\n{traceback.format_exc()}", failed + 1
            print(f"{case.__name__}: {word} ({time.monotonic() - begin:.1f} s)", flush=True)
        if failed:
            print(scene.log.read_text())
    finally:
        await scene.stop()
        shutil.rmtree(place, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
