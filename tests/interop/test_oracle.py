"""Runs every scenario on our daemon and on the reference, and compares what is seen.

    build/reference/bin/python tests/interop/test_oracle.py [--only PATTERN] [--keep] [--at-once N]

Answers of the hand-off socket, results of commands, events with their fields and order, wire
statuses, final state files, kv.json, artifacts and exported files must be equal but for times,
ids, durations and temporary paths; what may differ is listed in oracle/differences.py.
"""

import argparse
import asyncio
import importlib
import pkgutil
import sys
from fnmatch import fnmatch

import scenarios
from oracle.differences import DIFFERENCES
from oracle.runner import perform_all, show
from oracle.scenario import SCENARIOS
from oracle.texts import AT_LEAST


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="*", help="a pattern of scenarios' names")
    parser.add_argument("--keep", action="store_true", help="leave the directory behind")
    parser.add_argument("--at-once", type=int, default=5,
                        help="scenarios at once in each of the two groups that run")
    options = parser.parse_args()
    for module in pkgutil.iter_modules(scenarios.__path__):
        importlib.import_module(f"scenarios.{module.name}")
    chosen = [s for s in SCENARIOS.values() if fnmatch(s.name, options.only)]
    outcome = await perform_all(chosen, options.at_once, options.keep)
    stale = outcome.stale(chosen) if options.only == "*" else 0
    failed = outcome.counts["failed"] + stale
    if options.only == "*" and not outcome.texts.enough():
        print(f"error texts must be equal in {AT_LEAST} of 100 scenarios in which there is one")
        failed += 1
    show([("scenarios", f"{outcome.counts.total()} in {outcome.seconds:.0f} s"),
          ("named differences seen", f"{len(outcome.used)} of {len(DIFFERENCES)}"),
          *outcome.texts.table()])
    print(f"{outcome.counts['passed']} passed, {failed} failed, {outcome.counts['skipped']} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
