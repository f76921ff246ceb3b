"""Memory and processor time of a daemon and what it has started, from /proc."""

import os
from pathlib import Path


def parents() -> dict[int, int]:
    """Every process's parent."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            # The name in parentheses may hold anything, parentheses too.
            found[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    return found


def below(root: int) -> list[int]:
    """The descendants of a process."""
    of = parents()
    found, level = [], [root]
    while level:
        level = [pid for pid, parent in of.items() if parent in level]
        found += level
    return found


def product(root: int) -> list[int]:
    """The daemon and its descendants but for the processes of steps."""
    found = [root]
    for pid in below(root):
        try:
            program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        except OSError:
            continue
        if program.removesuffix(" (deleted)") in ("charter-worker", "charter-daemon"):
            found.append(pid)
    return found


def pss_mb(pids: list[int]) -> float:
    """Proportional memory of all of them; one that has ended has none."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return total / 1024


def cpu_ms(pids: list[int]) -> float:
    """Processor time so far, of every thread, by the scheduler's nanoseconds."""
    total = 0
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        except OSError:
            continue
    return total / 1e6
