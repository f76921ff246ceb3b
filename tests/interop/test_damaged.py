"""Damages projects: plans, manifests, charter.yml, snapshots and requests, by tree and by text.

    build/reference/bin/python tests/interop/test_damaged.py [--seed S] [--count N] [--first N]
        [--forever] [--keep]

A case is called damaged_WHAT_SEED_NUMBER; the options are those of test_generated.py.
"""

import asyncio
import sys

from oracle.drawn import cases
from test_generated import main

if __name__ == "__main__":
    sys.exit(asyncio.run(main(cases, "damaged projects", 100)))
