"""Chromium without a window, driven over its DevTools protocol."""

import asyncio
import base64
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

LIMIT = float(os.environ.get("CHARTER_PAGE_LIMIT", "30"))  # seconds for whatever is expected
POLL = 0.05

FLAGS = [
    "--headless=new",
    "--no-sandbox",  # which cannot be set up by root in a container; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--mute-audio",
    "--renderer-process-limit=1",
    "--js-flags=--max-old-space-size=256",
    "--remote-debugging-port=0",
]


class PageError(Exception):
    """What the page threw, or what was waited for in vain."""


def find_browser() -> str | None:
    named = os.environ.get("CHARTER_BROWSER")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One browser process, with a profile of its own."""

    async def start(self, program: str) -> "Browser":
        self._profile = tempfile.TemporaryDirectory(prefix="charter-page-", ignore_cleanup_errors=True)
        home = {"HOME": self._profile.name, "XDG_CONFIG_HOME": self._profile.name, "XDG_CACHE_HOME": self._profile.name}
        self._process = await asyncio.create_subprocess_exec(
            program, *FLAGS, f"--user-data-dir={self._profile.name}/profile", "about:blank",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **home}, start_new_session=True)
        said = b""
        found = None
        while not found:
            line = await asyncio.wait_for(self._process.stderr.readline(), 60)
            if not line:
                raise PageError("the browser did not start: " + said.decode(errors="replace")[-2000:])
            said += line
            found = re.search(rb"listening on (ws://\S+)", line)
        self._drain = asyncio.create_task(self._read_on())
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(found[1].decode(), max_msg_size=0, heartbeat=None)
        self._ids = 0
        self._answers: dict[int, asyncio.Future] = {}
        self._pages: dict[str, "Page"] = {}
        self._reader = asyncio.create_task(self._read())
        return self

    async def _read_on(self) -> None:
        while await self._process.stderr.readline():
            pass

    async def stop(self) -> None:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.call("Browser.close"), 5)
        self._reader.cancel()
        await self._session.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except asyncio.TimeoutError:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        self._drain.cancel()
        self._profile.cleanup()

    async def _read(self) -> None:
        async for message in self._socket:
            data = json.loads(message.data)
            if "id" in data:
                future = self._answers.pop(data["id"], None)
                if future and not future.done():
                    future.set_result(data)
            elif data.get("sessionId") in self._pages:
                self._pages[data["sessionId"]].heard(data["method"], data["params"])

    async def call(self, method: str, session: str | None = None, **params) -> dict:
        self._ids += 1
        number = self._ids
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        await self._socket.send_str(json.dumps(message))
        answer = await asyncio.wait_for(future, 60)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    async def page(self, width: int = 1100, height: int = 800) -> "Page":
        """A page that shares nothing with others."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = (await self.call("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = Page(self, session, context)
        self._pages[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.call(f"{domain}.enable")
        await page.size(width, height)
        return page

    async def close(self, page: "Page") -> None:
        self._pages.pop(page.session, None)
        await self.call("Target.disposeBrowserContext", browserContextId=page.context)


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self.session = session
        self.context = context
        self.faults: list[str] = []  # exceptions, and what the content policy forbade
        self.requests: list[str] = []

    def heard(self, method: str, params: dict) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.faults.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["source"] in ("security", "violation", "javascript"):
            if params["entry"]["level"] == "error":
                self.faults.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    async def call(self, method: str, **params) -> dict:
        return await self._browser.call(method, self.session, **params)

    async def size(self, width: int, height: int) -> None:
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                        mobile=width < 600)

    async def prefer(self, scheme: str) -> None:
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def reload(self) -> None:
        await self.call("Page.reload")
        await self.until("document.readyState === 'complete'")

    async def js(self, expression: str):
        """The value of an expression, of its promise where it is one."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True,
                                 userGesture=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(f"{expression}: {details.get('exception', {}).get('description') or details['text']}")
        return answer["result"].get("value")

    async def until(self, expression: str, limit: float = LIMIT):
        """Waits until an expression is true."""
        end = time.monotonic() + limit
        while True:
            # A navigation under way takes the place away in which it would be evaluated.
            with contextlib.suppress(PageError):
                if value := await self.js(expression):
                    return value
            if time.monotonic() > end:
                text = await self.js("document.body.innerText")
                raise PageError(f"waited too long for {expression}; the page says:\n{text[:3000]}\n{self.faults}")
            await asyncio.sleep(POLL)

    async def shows(self, text: str, limit: float = LIMIT) -> None:
        await self.until(f"document.body.innerText.includes({json.dumps(text)})", limit)

    async def click(self, expression: str) -> None:
        """With the mouse, at the middle of the element an expression gives, once it stays where it is."""
        await self.until(f"Boolean({expression})")
        at = await self.js(f"""(async () => {{
          const frame = () => new Promise(done => requestAnimationFrame(done));
          for (let last = '';;) {{
            const e = {expression};
            e.scrollIntoView({{block: 'center'}});
            await frame();
            await frame();
            const b = e.getBoundingClientRect();
            const at = [b.x + b.width / 2, b.y + b.height / 2];
            if (String(at) === last) return at;
            last = String(at);
          }} }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)

    async def press(self, key: str, modifiers: int = 0) -> None:
        code = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40}[key]
        text = {"Enter": "\r", " ": " "}.get(key)
        named = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        if text:
            await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **named)
        else:
            await self.call("Input.dispatchKeyEvent", type="rawKeyDown", **named)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def picture(self, path: Path) -> None:
        shot = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


def button(text: str) -> str:
    """The visible button with that text, as an expression."""
    return (f"[...document.querySelectorAll('button')].find(b => b.textContent === {json.dumps(text)}"
            " && b.checkVisibility())")


def control(label: str) -> str:
    """The control of a label, as an expression."""
    return f"[...document.querySelectorAll('label')].find(l => l.textContent.startsWith({json.dumps(label)}))?.control"
