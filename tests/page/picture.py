"""Makes the picture of the page that the README shows: a real run of examples/project.

    build/reference/bin/python tests/page/picture.py docs/page.png
"""

import asyncio
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from browser import Browser, find_browser  # noqa: E402
from stage import Stage  # noqa: E402

WIDTH = 1100

# A run with an attempt that fails, an integration, an artifact and a gate.
WORKFLOW = """steps:
  - {id: fetch, type: shell, run: echo fetching release-1.4; sleep 0.7}
  - id: build
    type: shell
    run: sleep 0.4; test -e tried || { touch tried; echo 'mirror not reachable' >&2; exit 1; }; sleep 0.8
    retry: {attempts: 2, delay_seconds: 0.3}
  - {id: tests, type: shell, run: sleep 1.2; echo 412 passed, outputs: {stdout: string}}
  - {id: folder, type: shell, run: echo workflows, outputs: {folder: string}}
  - {id: count, type: step, uses: capability/tally, inputs: {folder: folder}, outputs: {tally: artifact}}
  - {id: approve, type: gate, show: 'All checks have passed.', message: 'Publish 1.4?'}
  - {id: publish, type: shell, run: sleep 0.6}
"""


async def main(target: Path) -> None:
    program = find_browser()
    if not program:
        sys.exit("no Chromium found: scripts/deps --tests installs it")
    browser = await Browser().start(program)
    try:
        async with Stage() as stage:
            await stage.start_daemon()
            stage.add_workflow("nightly", WORKFLOW)
            await stage.start("nightly", "nightly-1.4")
            await stage.reaches("nightly-1.4", waiting_for="gate")
            page = await browser.page(WIDTH, 900)
            await page.prefer("light")
            await page.call("Emulation.setScrollbarsHidden", hidden=True)
            await page.open(f"{stage.url}/#/runs/nightly-1.4")
            await page.shows("Publish 1.4?")
            await page.until("document.querySelectorAll('.steps > li').length === 6")
            log = "document.querySelector('.log')"
            await page.click(f"{log}.closest('details').querySelector('summary')")
            await page.until(f"{log}.textContent.includes('412 passed')")
            await page.js("document.activeElement.blur()")
            # As much as there is down to the end of what the steps have printed.
            bottom = await page.js(f"{log}.closest('details').getBoundingClientRect().bottom + scrollY")
            await page.size(WIDTH, int(bottom) + 12)
            await page.js("scrollTo(0, 0)")
            await asyncio.sleep(0.3)  # for the window to be drawn anew
            await page.picture(target)
            assert not page.faults, page.faults
    finally:
        await browser.stop()
    if squeeze := shutil.which("pngquant"):
        process = await asyncio.create_subprocess_exec(squeeze, "--force", "--output", str(target), str(target))
        await process.wait()
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
