"""How many scenarios have equal error texts, and what makes up the rest."""

from collections import Counter

from oracle.normal import errors

AT_LEAST = 95.0  # per cent of the scenarios in which the reference has an error text


class Texts:
    """A scenario counts once: both sides said the same texts, or it is not equal. Where and how
    often a text was said is not the matter here; compare.py sees that those are equal, too."""

    def __init__(self) -> None:
        self.counts: Counter = Counter()
        self.reasons: Counter = Counter()
        self.equal = 0

    def judge(self, ours: dict, reference: dict, mismatches: list) -> None:
        here, there = set(errors(ours)), set(errors(reference))
        if not here and not there:
            return
        self.counts["either side has one"] += 1
        self.counts["the reference has one"] += bool(there)
        self.counts["both sides have one"] += bool(here and there)
        if here == there:
            self.equal += 1
            return
        reasons = {m.difference.reason for m in mismatches if m.difference}
        self.reasons[" / ".join(sorted(reasons)) or "no named difference"] += 1

    def share(self, kind: str) -> float:
        return 100 * self.equal / max(1, self.counts[kind])

    def enough(self) -> bool:
        return self.share("the reference has one") >= AT_LEAST

    def table(self) -> list[tuple[str, str]]:
        rows = []
        for kind in ("the reference has one", "either side has one", "both sides have one"):
            share = f"{self.equal} of {self.counts[kind]} = {self.share(kind):.1f} %"
            rows.append((f"error texts equal where {kind}", share))
        rows += [(f"  unequal: {reason}", str(count))
                 for reason, count in self.reasons.most_common()]
        return rows
