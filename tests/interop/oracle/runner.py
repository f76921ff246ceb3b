"""Performs scenarios on our daemon and on the reference at once, and judges what is seen."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

from oracle.compare import compare, story
from oracle.differences import DIFFERENCES
from oracle.normal import Normal, errors
from oracle.scenario import Scenario
from oracle.side import ENVIRONMENT, Side
from oracle.stage import REFUSAL, Stage
from oracle.texts import Texts

GROUP = 50
MOST_AGAIN = 5  # more have another reason than the machine
TROUBLE = ("gave up", "broke", "daemon")


class Outcome:
    """How the scenarios ended, and the figures to print."""

    def __init__(self) -> None:
        self.counts: Counter = Counter()
        self.failed: list[Scenario] = []
        self.used: Counter = Counter()
        self.texts = Texts()
        self.seconds = 0.0

    def say(self, scenario: Scenario, word: str, detail: str = "") -> None:
        self.counts[word] += 1
        if word == "failed":
            self.failed.append(scenario)
        if word != "passed":
            print(f"{word}: {scenario.name}{detail}", flush=True)

    def judge(self, scenario: Scenario, ours: dict, reference: dict) -> None:
        if scenario.needs and any(REFUSAL in text for text in errors(ours)):
            return self.say(scenario, "skipped", f" (needs {scenario.needs})")
        mismatches = compare(scenario.name, ours, reference)
        self.texts.judge(ours, reference, mismatches)
        self.used.update(m.difference for m in mismatches if m.difference)
        unnamed = [m for m in mismatches if not m.difference]
        # What went wrong in the same way on both sides went wrong; but chance may draw a run that waits
        # for ever.
        drawn = scenario.name.startswith(("gen_", "damaged_"))
        unnamed += [f"{key}: {text}" for key, text in ours["notes"].items()
                    if key in TROUBLE and not (drawn and key == "gave up")]
        unnamed += [answer for answer in ours["answers"] if isinstance(answer, str)]
        if unnamed:
            shown = "".join(f"\n    {mismatch}" for mismatch in unnamed[:8])
            more = f"\n    … and {len(unnamed) - 8} more" if len(unnamed) > 8 else ""
            told = f"\n    ours:      {story(ours)}\n    reference: {story(reference)}"
            return self.say(scenario, "failed", told + shown + more)
        self.say(scenario, "passed")

    def stale(self, ran: list[Scenario]) -> int:
        """Named differences that did not occur although all of their scenarios ran."""
        found = 0
        for difference in DIFFERENCES:
            covered = any(fnmatchcase(s.name, difference.scenario) for s in ran)
            if covered and not difference.sometimes and not self.used[difference]:
                print(f"named difference that no longer occurs: {difference}")
                found += 1
        return found


async def perform(scenario: Scenario, side: Side) -> dict:
    stage = Stage(scenario, side)
    try:
        await (scenario.act(stage) if scenario.act else stage.run())
    except TimeoutError as error:
        stage.notes["gave up"] = str(error)
    except Exception:
        stage.notes["broke"] = f"{side.name}: {traceback.format_exc()}"
    if not side.alive():
        stage.notes["daemon"] = f"{side.name} died"
    try:
        return Normal({str(side.project): "<project>"}).value(stage.observed())
    except Exception:
        return {"answers": [], "runs": {}, "notes": {"broke": traceback.format_exc()}}


def groups(chosen: list[Scenario]) -> list[list[Scenario]]:
    """Those that share a project and its daemons. They are small, since every run.start of the
    reference reads the manifests of all workflows of a project."""
    found: list[list[Scenario]] = []
    for world in dict.fromkeys(scenario.world for scenario in chosen):
        inside = [s for s in chosen if s.world == world]
        found += [inside[n:n + GROUP] for n in range(0, len(inside), GROUP)]
    return found


async def run_group(chosen: list[Scenario], place: Path, at_once: int, outcome: Outcome,
                    times: dict) -> None:
    world = chosen[0].world
    sides = [Side(name, world, place) for name in ("ours", "reference")]
    documents = {}
    for scenario in chosen:
        documents.update(scenario.documents())
    turns = asyncio.Semaphore(at_once if world == "common" else 1)

    async def one(scenario: Scenario) -> None:
        async with turns:
            begin = time.monotonic()
            seen = await asyncio.gather(*(perform(scenario, side) for side in sides))
            times[scenario.name] = time.monotonic() - begin
            outcome.judge(scenario, *seen)

    try:
        for side in sides:
            side.lay_out(documents)
        await asyncio.gather(*(side.start() for side in sides))
        await asyncio.gather(*(one(scenario) for scenario in chosen))
    finally:
        await asyncio.gather(*(side.stop() for side in sides))


async def once_more(outcome: Outcome, place: Path, times: dict) -> None:
    """A shared machine may stall a scenario past its limit: one more try, by itself, as the other
    tests have. What it said the first time has been printed."""
    second = Outcome()
    for number, group in enumerate(groups(outcome.failed)):
        await run_group(group, place / str(number), 1, second, times)
    outcome.used.update(second.used)
    again = {scenario.name for scenario in second.failed}
    for scenario in outcome.failed:
        if scenario.name not in again:
            print(f"passed at its second try: {scenario.name}", flush=True)
            outcome.counts.update({"failed": -1, "passed": 1})


async def perform_all(chosen: list[Scenario], at_once: int, keep: bool) -> Outcome:
    """All of them, two groups at once, `at_once` scenarios of each; `keep` leaves their
    directories behind and says where."""
    # A job in the background may have begun with signals ignored, which the reference hands on to
    # its steps.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    # The CLI's part of a hand-off runs in this process, and reads secrets from its environment.
    os.environ.update(ENVIRONMENT)
    place = Path(tempfile.mkdtemp(prefix="charter-oracle-"))
    outcome, times, begin = Outcome(), {}, time.monotonic()
    try:
        turns = asyncio.Semaphore(2)

        async def one(number: int, group: list[Scenario]) -> None:
            async with turns:
                await run_group(group, place / str(number), at_once, outcome, times)

        await asyncio.gather(*(one(n, group) for n, group in enumerate(groups(chosen))))
        if 0 < len(outcome.failed) <= MOST_AGAIN:
            await once_more(outcome, place / "again", times)
    finally:
        if keep:
            print(place)
        else:
            shutil.rmtree(place, ignore_errors=True)
    slowest = sorted(times.items(), key=lambda item: -item[1])[:3]
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest))
    outcome.seconds = time.monotonic() - begin
    return outcome


def show(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {value}")
