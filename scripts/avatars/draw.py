"""Draws the avatars of the shipped personas: one flat emblem each, 256x256, as an indexed PNG.

    python draw.py [folder]

The same Pillow draws the same bytes. The emblems are objects and animals that suit what a persona does, never the likeness of a
person. Coordinates are those of the finished picture; everything is drawn larger and made small, which smooths the edges.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = 256
SCALE = 4
# Discord and Telegram cut avatars to a circle, so emblems stay away from the corners.
INSET = 0.9
COLOURS = 255
MOST_BYTES = 12 * 1024

Point = tuple[float, float]
Colour = str

INK = "#2b2a3a"
WHITE = "#fffaf0"


class Canvas:
    """A picture that is drawn on in the coordinates of the finished one."""

    def __init__(self, background: Colour) -> None:
        self.image = Image.new("RGB", (SIZE * SCALE, SIZE * SCALE), background)
        self.draw = ImageDraw.Draw(self.image)

    def disc(self, centre: Point, radius: float, fill: Colour) -> None:
        self.oval(centre, radius, radius, fill)

    def oval(self, centre: Point, across: float, down: float, fill: Colour, turn: float = 0) -> None:
        """An ellipse of these half-axes, turned clockwise by degrees."""
        self.polygon(ring(centre, across, down, turn), fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour, corner: float = 0) -> None:
        self.draw.rounded_rectangle(scaled([(left, top), (right, bottom)]), corner * SCALE * INSET, fill=fill)

    def polygon(self, points: Iterable[Point], fill: Colour) -> None:
        self.draw.polygon(scaled(points), fill=fill)

    def line(self, points: Iterable[Point], width: float, fill: Colour) -> None:
        """A line with round ends and corners."""
        points = list(points)
        self.draw.line(scaled(points), fill=fill, width=round(width * SCALE * INSET))
        for point in points:
            self.disc(point, width / 2, fill)

    def arc(self, centre: Point, radius: float, start: float, end: float, width: float, fill: Colour) -> None:
        """Part of a circle from one angle to another, clockwise from the right, with round ends."""
        self.line(curve(centre, radius, radius, start, end), width, fill)

    def pie(self, centre: Point, radius: float, start: float, end: float, fill: Colour) -> None:
        self.polygon([*curve(centre, radius, radius, start, end), centre], fill)

    def save(self, file: Path) -> None:
        small = self.image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        indexed = small.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        indexed.save(file, optimize=True)
        if file.stat().st_size > MOST_BYTES:
            raise SystemExit(f"{file} is larger than {MOST_BYTES} bytes")


def scaled(points: Iterable[Point]) -> list[Point]:
    middle = SIZE / 2
    return [((middle + (x - middle) * INSET) * SCALE, (middle + (y - middle) * INSET) * SCALE) for x, y in points]


def curve(centre: Point, across: float, down: float, start: float, end: float) -> list[Point]:
    steps = 96
    angles = [math.radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return [(centre[0] + across * math.cos(angle), centre[1] + down * math.sin(angle)) for angle in angles]


def ring(centre: Point, across: float, down: float, turn: float) -> list[Point]:
    return turned(curve(centre, across, down, 0, 360), centre, turn)


def turned(points: Iterable[Point], centre: Point, degrees: float) -> list[Point]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    from_centre = [(x - centre[0], y - centre[1]) for x, y in points]
    return [(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in from_centre]


def face(canvas: Canvas, centre: Point, apart: float, size: float) -> None:
    """Two dots and a smile: what the emblems have in common."""
    x, y = centre
    canvas.disc((x - apart, y), size, INK)
    canvas.disc((x + apart, y), size, INK)
    canvas.arc((x, y + size * 0.4), apart * 0.55, 25, 155, size * 0.8, INK)


def joey(canvas: Canvas) -> None:
    """A sandwich."""
    canvas.box(50, 62, 206, 140, "#e8a85c", 42)
    canvas.box(50, 108, 206, 140, "#e8a85c", 8)
    canvas.box(58, 70, 198, 128, "#f2bf7a", 36)
    for x, y in [(92, 86), (128, 80), (164, 86)]:
        canvas.oval((x, y), 7, 4, WHITE, 20)
    for x in range(56, 201, 24):
        canvas.disc((x, 146), 14, "#5cb85c")
    canvas.box(48, 140, 208, 152, "#5cb85c", 6)
    canvas.box(48, 154, 208, 172, "#d9534f", 9)
    canvas.box(50, 174, 206, 206, "#e8a85c", 16)
    canvas.box(48, 168, 208, 178, "#ffd84d", 5)
    canvas.polygon([(84, 174), (152, 174), (118, 196)], "#ffd84d")
    face(canvas, (128, 104), 28, 7)


def chandler(canvas: Canvas) -> None:
    """A speech bubble that grins with one raised eyebrow."""
    canvas.polygon([(84, 170), (150, 170), (78, 222)], WHITE)
    canvas.box(38, 48, 218, 180, WHITE, 54)
    canvas.disc((94, 104), 10, INK)
    canvas.disc((162, 104), 10, INK)
    canvas.line([(78, 80), (108, 82)], 8, INK)
    canvas.line([(146, 76), (162, 66), (180, 72)], 8, INK)
    canvas.polygon([*curve((130, 128), 42, 34, 0, 180)], INK)
    canvas.polygon([*curve((130, 130), 34, 12, 0, 180)], WHITE)


def monica(canvas: Canvas) -> None:
    """A whisk, and all of the kitchen shines."""
    centre = (128, 128)

    def tilted(points: Iterable[Point]) -> list[Point]:
        return turned(points, centre, 35)

    for across in (50, 27):
        canvas.line(tilted(curve((128, 92), across, 62, -245, 65)), 8, WHITE)
    canvas.line(tilted([(128, 30), (128, 150)]), 8, WHITE)
    canvas.line(tilted([(128, 148), (128, 162)]), 30, "#ffd166")
    canvas.line(tilted([(128, 168), (128, 226)]), 22, INK)
    for x, y in [(62, 62), (46, 100), (206, 182)]:
        star = [(x, y - 14), (x + 4, y - 4), (x + 14, y), (x + 4, y + 4), (x, y + 14), (x - 4, y + 4), (x - 14, y), (x - 4, y - 4)]
        canvas.polygon(star, "#ffd166")


def rachel(canvas: Canvas) -> None:
    """A shopping bag."""
    canvas.arc((128, 92), 34, 180, 360, 10, INK)
    canvas.polygon([(58, 90), (198, 90), (212, 216), (44, 216)], WHITE)
    canvas.polygon([(58, 90), (198, 90), (200, 112), (56, 112)], "#ffe0ec")
    for x in (94, 162):
        canvas.line([(x, 92), (x, 106)], 10, INK)
    canvas.polygon([(88, 158), (168, 158), (128, 206)], "#e63977")
    canvas.disc((108, 150), 22, "#e63977")
    canvas.disc((148, 150), 22, "#e63977")
    canvas.polygon([(92, 164), (164, 164), (128, 204)], "#e63977")


def ross(canvas: Canvas) -> None:
    """A long-necked dinosaur."""
    green, dark = "#3f9d6b", "#2f7a53"
    for x in (98, 150):
        canvas.box(x, 160, x + 26, 214, dark, 10)
    for x in (80, 134):
        canvas.box(x, 160, x + 28, 218, green, 10)
    canvas.oval((122, 152), 64, 42, green)
    canvas.polygon([(136, 122), (164, 112), (174, 62), (204, 62), (200, 122), (178, 166), (140, 180)], green)
    canvas.oval((202, 64), 32, 22, green)
    canvas.polygon([(88, 118), (66, 126), (48, 152), (18, 186), (60, 186), (96, 188)], green)
    canvas.disc((206, 58), 7, INK)
    canvas.arc((214, 64), 12, 30, 130, 5, INK)
    for x, y in [(96, 132), (122, 124), (148, 134), (110, 152), (138, 156)]:
        canvas.disc((x, y), 7, "#bfe3a8")


def phoebe(canvas: Canvas) -> None:
    """A guitar."""
    centre = (128, 128)

    def tilted(points: Iterable[Point]) -> list[Point]:
        return turned(points, centre, 40)

    def spot(x: float, y: float, radius: float, fill: Colour) -> None:
        canvas.disc(tilted([(x, y)])[0], radius, fill)

    canvas.line(tilted([(128, 36), (128, 130)]), 22, INK)
    canvas.polygon(tilted([(110, 6), (146, 6), (142, 44), (114, 44)]), INK)
    for y in (14, 30):
        for x in (104, 152):
            spot(x, y, 6, WHITE)
    spot(128, 192, 58, "#f2a33a")
    spot(128, 134, 42, "#f2a33a")
    spot(128, 150, 22, INK)
    canvas.line(tilted([(106, 212), (150, 212)]), 10, INK)
    for x in (120, 128, 136):
        canvas.line(tilted([(x, 14), (x, 212)]), 2, WHITE)


def mechuri(canvas: Canvas) -> None:
    """A round quail chick with a spoon."""
    sand, brown, cream, orange = "#d9a45f", "#7a4f2b", "#fdeccb", "#e8862e"
    for x in (100, 140):
        canvas.line([(x, 206), (x, 228), (x + 10, 228)], 8, orange)
    canvas.line([(120, 62), (122, 42)], 8, brown)
    canvas.oval((132, 32), 20, 11, brown, 25)
    canvas.disc((120, 136), 80, sand)
    canvas.oval((120, 166), 56, 46, cream)
    canvas.polygon([*curve((120, 136), 80, 80, 250, 290), (128, 98), (112, 98)], brown)
    for start, end in ((214, 236), (304, 326)):
        canvas.arc((120, 136), 66, start, end, 11, brown)
    for x in (92, 148):
        canvas.disc((x, 116), 11, INK)
        canvas.disc((x + 4, 112), 4, WHITE)
    for x in (70, 170):
        canvas.disc((x, 136), 10, "#f08f7e")
    canvas.polygon([(108, 128), (120, 121), (132, 128), (120, 144)], orange)
    for x, y in [(104, 164), (120, 176), (136, 164), (120, 196), (96, 186), (144, 186)]:
        canvas.oval((x, y), 4, 7, sand)
    canvas.oval((52, 164), 14, 30, brown, 18)
    canvas.line([(212, 92), (204, 208)], 10, WHITE)
    canvas.oval((214, 72), 20, 28, WHITE, 4)
    canvas.oval((214, 72), 12, 19, "#dfe5ee", 4)
    canvas.oval((194, 162), 24, 14, brown, -30)


def campus(canvas: Canvas) -> None:
    """A building in a map pin."""
    canvas.disc((128, 104), 84, WHITE)
    canvas.polygon([(56, 148), (200, 148), (128, 240)], WHITE)
    canvas.polygon([(72, 90), (184, 90), (128, 50)], "#2f6fb5")
    canvas.box(78, 90, 178, 98, INK)
    for x in (82, 106, 138, 162):
        canvas.box(x, 100, x + 12, 142, "#2f6fb5")
    canvas.box(74, 142, 182, 152, INK)
    canvas.box(118, 112, 138, 142, "#ffb347", 4)
    canvas.disc((128, 75), 7, WHITE)


def listener(canvas: Canvas) -> None:
    """A warm cup."""
    canvas.arc((190, 134), 26, -80, 90, 14, WHITE)
    canvas.box(52, 98, 192, 148, WHITE, 6)
    canvas.polygon([(52, 120), *curve((122, 138), 70, 62, 180, 0)], WHITE)
    canvas.oval((122, 98), 70, 14, "#e6c9a8")
    canvas.oval((122, 100), 58, 9, "#a9673a")
    canvas.oval((122, 214), 86, 12, "#ffe3d3")
    face(canvas, (122, 142), 26, 7)
    for x in (90, 122, 154):
        canvas.line([(x + 5 * math.sin(y / 6.5), y) for y in range(38, 80)], 8, "#ffe3d3")


def helper(canvas: Canvas) -> None:
    """A lifebuoy."""
    centre = (128, 128)
    canvas.disc(centre, 92, WHITE)
    for start in (22.5, 112.5, 202.5, 292.5):
        canvas.pie(centre, 92, start, start + 45, "#e4572e")
    canvas.disc(centre, 42, "#2c4a7c")
    canvas.disc(centre, 34, "#7cc4e8")
    face(canvas, (128, 122), 14, 5)


EMBLEMS: dict[str, tuple[Colour, Callable[[Canvas], None]]] = {
    "joey": ("#7a5cc9", joey),
    "chandler": ("#3d7de0", chandler),
    "monica": ("#d64545", monica),
    "rachel": ("#f48fb1", rachel),
    "ross": ("#f6d27a", ross),
    "phoebe": ("#2bb39a", phoebe),
    "mechuri": ("#a8d05f", mechuri),
    "campus": ("#8fd0f2", campus),
    "listener": ("#e88b6a", listener),
    "helper": ("#2c4a7c", helper),
}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, (background, emblem) in EMBLEMS.items():
        canvas = Canvas(background)
        emblem(canvas)
        canvas.save(folder / f"{name}.png")


if __name__ == "__main__":
    main()
