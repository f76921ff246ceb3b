"""Approves a run on the page of `charter-daemon dev`, in a browser, as a person would: for scripts/tryout.

    build/reference/bin/python tests/page/approve.py PROJECT RUN PID

Waits for the project's `dev` and for the run as long as the process PID lives.
"""

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from browser import Browser, button, find_browser  # noqa: E402

LIMIT = 60.0
HEADING = "document.querySelector('main h1')?.textContent"


async def appears(file: Path, pid: int) -> None:
    while not file.exists():
        os.kill(pid, 0)  # raises once nobody will make it
        await asyncio.sleep(0.1)


async def main(project: Path, run: str, pid: int) -> None:
    program = find_browser()
    if not program:
        sys.exit("no Chromium found: scripts/deps --tests installs it")
    login = project / ".charter/dev/open.html"
    await appears(login, pid)
    browser = await Browser().start(program)
    try:
        page = await browser.page()
        await page.open(f"file://{login}")
        await page.until(f"{HEADING} === 'Runs'")
        link = f"[...document.querySelectorAll('.runs a')].find(a => a.innerText.includes('{run}'))"
        await page.until(f"Boolean({link})", LIMIT)
        await page.click(link)
        await page.until(f"Boolean({button('Approve')})", LIMIT)
        await page.click(button("Approve"))
        # Whoever waits for the run may stop everything before the page has heard of the end.
        await page.until("/completed|Disconnected|does not answer/.test(document.body.innerText)", LIMIT)
    finally:
        await browser.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
