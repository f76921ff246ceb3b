"""A gateway that records what a daemon sends and sends what a scenario wants."""

import asyncio
import json
from collections import defaultdict

from aiohttp import WSMsgType, web

WORKER_ID = "oracle"


class Recorder:
    """One daemon's gateway. `messages` holds what was received, in order; `runs` and `commands`
    hold it by run id and by command id, since thousands of messages are looked through often."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.runs: dict[str, list[dict]] = defaultdict(list)
        self.commands: dict[str, list[dict]] = defaultdict(list)
        self.headers: dict = {}
        self.port = 0
        self._socket: web.WebSocketResponse | None = None
        self._transport: asyncio.Transport | None = None
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/daemon", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        # aiohttp answers a ping only after what came before it was taken, as stock gateways do.
        socket = web.WebSocketResponse(max_msg_size=64 << 20)
        await socket.prepare(request)
        async for frame in socket:
            if frame.type != WSMsgType.TEXT:
                continue
            message = json.loads(frame.data)
            if message.get("type") == "worker.register":
                if message.get("worker_id") != WORKER_ID:
                    break  # whose gateway had this port before
                self._socket = socket
                self._transport = request.transport
                self.headers = dict(request.headers)
            if socket is self._socket:
                self._take(message)
        return socket

    def _take(self, message: dict) -> None:
        self.messages.append(message)
        if message.get("run_id"):
            self.runs[message["run_id"]].append(message)
        if message.get("command_id"):
            self.commands[message["command_id"]].append(message)
        self._changed.set()

    def drop(self) -> None:
        """Ends the connection, without a word."""
        self._transport.abort()

    async def send(self, message) -> None:
        """A value goes as JSON, text and bytes go as they are."""
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            await self._socket.send_str(text)

    async def until(self, condition, limit: float) -> bool:
        """Whether the condition came true within the limit, in seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        while not condition():
            left = deadline - loop.time()
            if left <= 0:
                return False
            # Several may wait for the same event; a short bound makes a lost wake-up harmless.
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), min(left, 0.05))
            except TimeoutError:
                pass
        return True
