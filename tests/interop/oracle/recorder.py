"""A gateway that records what a daemon sends and sends what a scenario wants."""

import asyncio
import json

from aiohttp import WSMsgType, web


class Recorder:
    """One daemon's gateway; `messages` holds what was received, in order."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.headers: dict = {}
        self.port = 0
        self._socket: web.WebSocketResponse | None = None
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
        self._socket = web.WebSocketResponse(max_msg_size=64 << 20)
        await self._socket.prepare(request)
        self.headers = dict(request.headers)
        async for frame in self._socket:
            if frame.type == WSMsgType.TEXT:
                self.messages.append(json.loads(frame.data))
                self._changed.set()
        return self._socket

    async def send(self, message) -> None:
        """A value goes as JSON, text and bytes go as they are."""
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            await self._socket.send_str(text)

    async def until(self, condition, limit: float) -> bool:
        """Whether the condition over `messages` came true within the limit, in seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        while not condition(self.messages):
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
