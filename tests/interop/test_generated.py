"""Runs random workflows, right ones and damaged ones, on our daemon and on the reference.

    build/reference/bin/python tests/interop/test_generated.py [--seed S] [--count N] [--first N]
        [--forever] [--keep]

A case is called gen_SEED_NUMBER and depends on nothing else: `--seed S --first NUMBER --count 1`
repeats one, and --keep leaves its project behind. What is compared, and what may differ by name, is
as in test_oracle.py.
"""

import argparse
import asyncio
import itertools
import sys

from oracle.generator import cases
from oracle.runner import perform_all, show


async def main(make=cases, what: str = "generated workflows", usual: int = 300) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=usual, help=f"how many ({usual})")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--forever", action="store_true", help="go on until one fails")
    parser.add_argument("--keep", action="store_true", help="leave the directory behind")
    parser.add_argument("--at-once", type=int, default=5,
                        help="cases at once in each of the two groups that run")
    options = parser.parse_args()
    for round_number in itertools.count():
        first = options.first + round_number * options.count
        chosen = make(options.seed, first, options.count)
        outcome = await perform_all(chosen, options.at_once, options.keep)
        show([(what, f"{outcome.counts.total()} in {outcome.seconds:.0f} s"),
              ("named differences seen", str(len(outcome.used))), *outcome.texts.table()])
        if outcome.counts["failed"] or not options.forever:
            break
    counts = outcome.counts
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
