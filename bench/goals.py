"""What the figures should be."""

from dataclasses import dataclass
from statistics import median


@dataclass
class Goal:
    """`least` and `aim` are how many times better than the reference; with a unit they are values
    of ours, upper bounds. `rate` is a value of ours that the aim asks for as well."""

    least: float
    aim: float | None = None
    unit: str = ""
    rate: float | None = None

    def words(self) -> tuple[str, str]:
        if self.unit:
            aim = "" if self.aim is None else f"<= {self.aim:g} {self.unit}"
            return f"<= {self.least:g} {self.unit}", aim
        aim = [f"{self.aim:g}x"] if self.aim else []
        return f"{self.least:g}x", ", ".join(aim + ([f"{self.rate:,.0f}/s"] if self.rate else []))

    def verdict(self, ours: float, better: float | None) -> str:
        if self.unit:
            return word(ours <= self.least, self.aim is not None and ours <= self.aim)
        if better is None:
            return ""
        met = (self.aim is None or better >= self.aim) and (self.rate is None or ours >= self.rate)
        return word(better >= self.least, met and (self.aim or self.rate) is not None)


def word(least: bool, aim: bool) -> str:
    return "aim" if aim else "least" if least else "missed"


GOALS = {
    "start until the socket answers, ms": Goal(8, 15),
    "idle memory (PSS), MB": Goal(4, 6),
    "idle CPU over 10 s, ms": Goal(10, unit="ms"),
    "hand-off under load, 4 clients, p99, ms": Goal(50, 80),
    "hand-off under load, 32 clients, p99, ms": Goal(20, 60),
    "one-shell-step runs/s": Goal(1.5, 2, rate=1000),
    "state events/s, stock JSON": Goal(5, rate=10_000),
    "state events/s, Cap'n Proto": Goal(8, rate=20_000),
    "Python run, the first, ms": Goal(150, unit="ms"),
    "Python run right behind another, p50, ms": Goal(0.5),
    "Python run 0.5 s behind another, p50, ms": Goal(0.5),
    "executing runs, memory each, MB": Goal(1, 0.6, "MB"),
    "paused runs, processes": Goal(0, unit="processes"),
    "paused runs, memory above idle, MB": Goal(4, 1, "MB"),
}


def better(name: str, sides: dict) -> float | None:
    """How many times better ours is. Rates count upwards; times and memory count downwards."""
    ours, reference = sides.get("ours"), sides.get("reference")
    if not ours or not reference:
        return None
    ours, reference = median(ours), median(reference)
    if "/s" in name:
        ours, reference = reference, ours
    return reference / ours if ours > 0 and reference > 0 else None
