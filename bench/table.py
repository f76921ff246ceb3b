"""The figures as one table: medians, the range of each, how many times better ours is, and what it
should be."""

from statistics import median

from goals import GOALS, better

HEAD = ("figure", "ours", "", "reference", "", "better", "at least", "aim", "reached")


def render(figures: dict) -> str:
    rows = [HEAD] + [row(name, sides) for name, sides in figures.items()]
    return aligned(rows)


def render_limits(limits: dict) -> str:
    return aligned([("this machine", "")] + [(name, number(v)) for name, v in limits.items()])


def render_durable(figures: dict) -> str:
    """What throughput is left with the daemon's one mode, in which whatever was answered or
    delivered is on disk."""
    rows = [("throughput", "ours, synced", "reference, never synced", "ratio")]
    for name, sides in figures.items():
        if "/s" not in name:
            continue
        rows.append((name, cells(sides.get("ours"))[0], cells(sides.get("reference"))[0],
                     times(better(name, sides))))
    return aligned(rows) if len(rows) > 1 else ""


def row(name: str, sides: dict) -> tuple:
    ratio = better(name, sides)
    goal, ours = GOALS.get(name), sides.get("ours")
    least, aim = goal.words() if goal else ("", "")
    verdict = goal.verdict(median(ours), ratio) if goal and ours else ""
    return (name, *cells(ours), *cells(sides.get("reference")), times(ratio), least, aim, verdict)


def aligned(rows: list[tuple]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        fields = [row[0].ljust(widths[0])]
        fields += [field.rjust(width) for field, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(fields).rstrip())
    return "\n".join([lines[0], "-" * max(len(line) for line in lines), *lines[1:]])


def cells(values: list | None) -> tuple[str, str]:
    if not values:
        return "-", ""
    return number(median(values)), f"({number(min(values))} to {number(max(values))})"


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def times(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.0f}x"
