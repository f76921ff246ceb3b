"""The ratios as an SVG: a bar for each figure, on a logarithmic scale, with marks where it should
reach."""

from html import escape
from math import log10
from statistics import median

from goals import GOALS, better

LEFT, RIGHT, TOP, ROW, BAR = 330, 90, 60, 26, 14
WIDTH = 960
STYLE = """<style>
text { font: 13px sans-serif; fill: #222 }
.title { font-size: 16px; font-weight: bold }
.small { font-size: 11px; fill: #666 }
.good { fill: #2a7f62 } .bad { fill: #b5483a } .grid { stroke: #ddd } .one { stroke: #222 }
.least { stroke: #222; stroke-width: 2 } .aim { stroke: #222; stroke-width: 2; stroke-dasharray: 3 2 }
</style>"""


class Scale:
    """From a ratio to a place, by powers of ten."""

    def __init__(self, ratios: list[float]) -> None:
        self.low = min(0, *(int(log10(r)) - (r < 1) for r in ratios))
        self.high = max(1, *(int(log10(r)) + 1 for r in ratios))

    def x(self, ratio: float) -> float:
        share = (log10(ratio) - self.low) / (self.high - self.low)
        return LEFT + min(max(share, 0), 1) * (WIDTH - LEFT - RIGHT)


def render(figures: dict, about: str = "") -> str:
    """`about`: how it was measured, for the last line."""
    found = {name: better(name, sides) for name, sides in figures.items()}
    ratios = {name: ratio for name, ratio in found.items() if ratio}
    height = TOP + ROW * len(ratios) + 40
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}">', STYLE,
             f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
             '<text class="title" x="16" y="28">charter-daemon: how many times better than '
             'the reference</text>']
    if ratios:
        scale = Scale(list(ratios.values()))
        parts += grid(scale, height)
        for index, (name, ratio) in enumerate(ratios.items()):
            parts += bar(scale, TOP + ROW * index, name, ratio, reached(name, figures[name], ratio))
    parts.append(f'<text class="small" x="16" y="{height - 10}">medians of alternating rounds; '
                 f'solid mark: at least, dashed mark: aim; red: missed, or worse{escape(about)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def grid(scale: Scale, height: int) -> list[str]:
    lines = []
    for power in range(scale.low, scale.high + 1):
        x, kind = scale.x(10.0 ** power), "one" if power == 0 else "grid"
        lines += [line(kind, x, TOP - 8, height - 30),
                  f'<text class="small" x="{x:.0f}" y="{TOP - 12}" '
                  f'text-anchor="middle">{10.0 ** power:g}x</text>']
    return lines


def reached(name: str, sides: dict, ratio: float) -> bool:
    goal = GOALS.get(name)
    return goal.verdict(median(sides["ours"]), ratio) != "missed" if goal else ratio >= 1


def bar(scale: Scale, y: int, name: str, ratio: float, good: bool) -> list[str]:
    ends = sorted((scale.x(1), scale.x(ratio)))
    goal = GOALS.get(name)
    kind = "good" if good else "bad"
    parts = [f'<text x="{LEFT - 10}" y="{y + BAR - 2}" text-anchor="end">{escape(name)}</text>',
             f'<rect class="{kind}" x="{ends[0]:.1f}" y="{y}" width="{ends[1] - ends[0]:.1f}" '
             f'height="{BAR}"/>',
             f'<text x="{ends[1] + 6:.1f}" y="{y + BAR - 2}">{ratio:.3g}x</text>']
    if goal and not goal.unit:
        marks = {"least": goal.least, "aim": goal.aim}
        parts += [line(mark, scale.x(at), y - 4, y + BAR + 4) for mark, at in marks.items() if at]
    return parts


def line(kind: str, x: float, top: float, bottom: float) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
