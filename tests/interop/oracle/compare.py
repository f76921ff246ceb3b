"""Compares what was seen on both sides, but for the named differences."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from oracle.differences import DIFFERENCES, STORY, Difference
from oracle.normal import leaves

NOTHING = "<nothing>"


@dataclass
class Mismatch:
    path: str
    ours: str
    reference: str
    difference: Difference | None

    def __str__(self) -> str:
        return f"{self.path}\n      ours:      {self.ours!r}\n      reference: {self.reference!r}"


def compare(scenario: str, ours: dict, reference: dict) -> list[Mismatch]:
    here, there = leaves(ours), leaves(reference)
    told = named(scenario, STORY, story(ours), story(reference))
    if told and here != there:
        return [Mismatch(STORY, story(ours), story(reference), told)]
    found = []
    for path in [*here, *(path for path in there if path not in here)]:
        pair = here.get(path, NOTHING), there.get(path, NOTHING)
        if pair[0] != pair[1]:
            found.append(Mismatch(path, *pair, named(scenario, path, *pair)))
    if not found and list(here) != list(there):
        pair = next(p for p in zip(here, there) if p[0] != p[1])
        found.append(Mismatch("order of members", *pair, None))
    return found


def named(scenario: str, path: str, ours: str, reference: str) -> Difference | None:
    for difference in DIFFERENCES:
        if (fnmatchcase(scenario, difference.scenario) and fits(path, difference.path)
                and re.fullmatch(difference.ours, ours, re.DOTALL)
                and re.fullmatch(difference.reference, reference, re.DOTALL)):
            return difference
    return None


def fits(path: str, pattern: str) -> bool:
    return (path == STORY) == (pattern == STORY) and fnmatchcase(path, pattern)


def story(observed: dict) -> str:
    """What happened, on one line: the answers, then each run's events with its errors."""
    parts = []
    for answer in observed["answers"]:
        if not isinstance(answer, dict):
            parts.append(str(answer))
        elif answer.get("ok"):
            parts.append("ok")
        else:
            text = answer.get("error") or answer.get("message") or answer.get("not JSON")
            parts.append(f"refused {answer.get('code') or ''}({text})")
    for name, run in observed["runs"].items():
        told = []
        for message in run["events"]:
            event = message["event"]
            kind = event["kind"].removesuffix("Event")
            told.append(f"{kind}({event['error']})" if event.get("error") else kind)
        state = run["state"]["value"]["status"] if run["state"] else "no state file"
        parts.append(f"{name}: {' '.join(told) or 'no events'}, {state}")
    return " | ".join(parts)
