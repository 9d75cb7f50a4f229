"""Small charts as SVG: readable on a light page and on a dark one, and drawn by nothing but this.

The page's own colours are asked for in the image (`prefers-color-scheme`), which a plotting library
can't write; there is no background.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, PADDING, TITLE, LINE = 440, 16, 34, 24
LABELS, VALUES = 104, 126
PLOT_HEIGHT = 170

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.muted { fill: #59636e; font-size: 12px }
.ours { fill: #0969da } .other { fill: #a8b1bb }
.line-ours { stroke: #0969da } .line-other { stroke: #8c959f }
.axis { stroke: #d1d9e0; stroke-width: 1 }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .muted { fill: #9198a1 }
  .ours { fill: #4493f8 } .other { fill: #656c76 }
  .line-ours { stroke: #4493f8 } .line-other { stroke: #9198a1 }
  .axis { stroke: #3d444d }
}
"""


@dataclass(frozen=True)
class Bar:
    """One line of a bar chart; without a value only its words are shown."""

    label: str
    value: float | None
    words: str
    ours: bool = False


@dataclass(frozen=True)
class Bars:
    """Horizontal bars; `log` for values that are orders of magnitude apart."""

    title: str
    bars: tuple[Bar, ...]
    log: bool = False

    @property
    def height(self) -> float:
        return TITLE + LINE * len(self.bars)

    def draw(self, x: float, y: float) -> list[str]:
        room = WIDTH - 2 * PADDING - LABELS - VALUES
        left = x + PADDING + LABELS
        drawn = [_text(x + PADDING, y + 20, self.title, "title")]
        for number, bar in enumerate(self.bars):
            top = y + TITLE + LINE * number
            drawn.append(_text(left - 8, top + 15, bar.label, anchor="end"))
            length = 0.0
            if bar.value is not None:
                length = max(2.0, room * self._share(bar.value))
                drawn.append(
                    f'<rect x="{left:.1f}" y="{top + 3:.1f}" width="{length:.1f}" height="17"'
                    f' rx="2" class="{"ours" if bar.ours else "other"}"/>'
                )
            drawn.append(_text(left + length + 6, top + 15, bar.words, "muted"))
        return drawn

    def _share(self, value: float) -> float:
        values = [bar.value for bar in self.bars if bar.value]
        largest = max(values, default=1.0)
        if not self.log:
            return value / largest
        smallest = min(values, default=1.0) / 2
        return math.log(max(value, smallest) / smallest) / math.log(largest / smallest)


@dataclass(frozen=True)
class Line:
    """Points of one contender; x and y both from 0 on."""

    label: str
    points: tuple[tuple[float, float], ...]
    ours: bool = False


@dataclass(frozen=True)
class Lines:
    """Lines over numbers from zero on, so that what is linear looks so."""

    title: str
    lines: tuple[Line, ...]
    x_unit: str
    y_unit: str
    height: float = TITLE + PLOT_HEIGHT + 36

    def draw(self, x: float, y: float) -> list[str]:
        points = [point for line in self.lines for point in line.points]
        widest = max((at for at, _ in points), default=1.0)
        highest = max((value for _, value in points), default=1.0) or 1.0
        left, bottom = x + PADDING + 48, y + TITLE + PLOT_HEIGHT
        across = WIDTH - 2 * PADDING - 48 - 110

        def place(at: float, value: float) -> tuple[float, float]:
            return left + across * at / widest, bottom - (PLOT_HEIGHT - 10) * value / highest

        drawn = [_text(x + PADDING, y + 20, self.title, "title")]
        drawn.append(_rule(left, bottom, left + across, bottom))
        drawn.append(_rule(left, bottom, left, y + TITLE))
        drawn.append(
            _text(left - 6, y + TITLE + 14, f"{highest:.0f} {self.y_unit}", "muted", "end")
        )
        for at in sorted({at for at, _ in points}):
            drawn.append(_text(place(at, 0)[0], bottom + 17, f"{at:g}", "muted", "middle"))
        drawn.append(_text(left + across + 28, bottom + 17, self.x_unit, "muted"))
        for line in self.lines:
            drawn += _polyline([place(*point) for point in line.points], line)
        return drawn


Panel = Bars | Lines


def figure(title: str, note: str, panels: Sequence[Panel], columns: int = 2) -> str:
    """A document with the panels in rows; the title is what a screen reader says."""
    drawn, y = [], 8.0
    for first in range(0, len(panels), columns):
        row = panels[first : first + columns]
        for place, panel in enumerate(row):
            drawn += panel.draw(place * WIDTH, y)
        y += max(panel.height for panel in row) + PADDING
    drawn.append(_text(PADDING, y + 10, note, "muted"))
    width, height = WIDTH * min(columns, max(1, len(panels))), y + 24
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}"'
        f' width="{width}" height="{height:.0f}" role="img">',
        f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *drawn, "</svg>", "",
    ])  # fmt: skip


def _polyline(places: Sequence[tuple[float, float]], line: Line) -> list[str]:
    kind = "ours" if line.ours else "other"
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn = [f'<polyline points="{joined}" class="line line-{kind}"/>']
    drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{kind}"/>' for x, y in places]
    if places:
        drawn.append(_text(places[-1][0] + 9, places[-1][1] + 4, line.label))
    return drawn


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="axis"/>'


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        f"{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{escape(words)}</text>"
    )
