"""The figures as one table: medians, the range of each, and how many times better ours is."""

from statistics import median


def render(figures: dict) -> str:
    rows = [("figure", "ours", "", "reference", "", "better")]
    for name, sides in figures.items():
        ours, reference = sides.get("ours"), sides.get("reference")
        rows.append((name, *_cells(ours), *_cells(reference), _ratio(name, ours, reference)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _cells(values: list | None) -> tuple[str, str]:
    if not values:
        return "-", ""
    return _number(median(values)), f"({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(name: str, ours: list | None, reference: list | None) -> str:
    """Rates count upwards; times and memory count downwards."""
    if not ours or not reference:
        return "-"
    a, b = median(ours), median(reference)
    better = a / b if name.endswith("/s") else b / a
    return f"{better:.2f}x" if better < 10 else f"{better:.0f}x"
