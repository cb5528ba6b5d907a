"""Sheet: the surface that all figures are drawn on, in one style. Lengths are in cm from the top left."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.patches import Rectangle
from PIL import Image

from repro.records.figures import FigureRecord
from repro.runs import writing

#: Width of the paper's text column, and what a picture may take of a page's height, in cm.
WIDTH, HEIGHT = 16.0, 20.0
CM = 1 / 2.54
DPI = 200
#: Of a picture's file, in bytes.
LARGEST = 130_000
FONT = "DejaVu Sans"
#: What stands in place of a cell that is missing from a partial report.
MISSING = "missing"
#: In points; names that are too long are made smaller, down to the least.
SIZE, LEAST = 7.0, 5.0
STYLE: dict[str, Any] = {
    "font.family": FONT,
    "font.size": 8,
    # Names may hold `$` and `_`.
    "text.parse_math": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "0.4",
    "hatch.linewidth": 0.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "repro",
}


#: Colours that the colour-blind tell apart (Okabe and Ito), dark and light in turn, each with a marker and dashes of
#: its own for print in grey.
LOOKS: tuple[tuple[str, str, Any], ...] = (
    ("#0072B2", "o", "-"),
    ("#E69F00", "s", (0, (4, 1.5))),
    ("#009E73", "^", (0, (1, 1))),
    ("#CC79A7", "D", (0, (5, 1, 1, 1))),
    ("#56B4E9", "v", (0, (2, 2))),
    ("#D55E00", "P", (0, (6, 2))),
)


class Drawing(Protocol):
    def save(self, path: Path) -> None:
        """Write the drawing; equal content gives equal bytes."""


class Sheet:
    """A picture as wide as the text column."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH * CM, height * CM), dpi=DPI, facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0), autoscale_on=False)
        self.axes.set_axis_off()

    def image(
        self, x: float, y: float, width: float, height: float, values: Any, colours: str | None = None, **look: Any
    ) -> None:
        """An image, or values in [0, 1] in a colour scale."""
        look = {"aspect": "auto", "extent": (x, x + width, y + height, y), "zorder": 1, **look}
        self.axes.imshow(values, cmap=colours, vmin=0, vmax=1, **look)

    def square(self, x: float, y: float, side: float, colour: str, **look: Any) -> None:
        """The outline of a square."""
        look = {"facecolor": "none", "edgecolor": colour, "zorder": 3, **look}
        self.axes.add_patch(Rectangle((x, y), side, side, **look))

    def text(self, x: float, y: float, text: str, width: float, size: float = SIZE, **look: Any) -> None:
        """Text centred at `x` with its top at `y`, made to fit into `width`."""
        text, size = _fit(drawable(text), width, size)
        self.axes.text(x, y, text, size=size, **{"ha": "center", "va": "top"} | look)

    def legend(self, y: float, handles: list[Any]) -> None:
        """A line of legend entries centred at `y`."""
        look = {"frameon": False, "fontsize": 7.5, "handlelength": 1.8, "columnspacing": 1.6}
        place = (0.5, 1 - y / self.height)
        self.figure.legend(handles=handles, loc="center", bbox_to_anchor=place, ncols=len(handles), **look)

    def plot(self, x: float, y: float, width: float, height: float, **look: Any) -> Axes:
        """Axes for a plot, without the lines that say nothing."""
        place = (x / WIDTH, 1 - (y + height) / self.height, width / WIDTH, height / self.height)
        axes = self.figure.add_axes(place, **look)
        axes.tick_params(length=2, width=0.5, color="0.4", labelsize=SIZE, labelcolor="0.2")
        axes.grid(color="0.9", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        return axes

    def save(self, path: Path) -> None:
        """Write SVG, or JPEG in the best quality that stays below the largest size."""
        with writing(path) as beside:
            if path.suffix == ".svg":
                self.figure.savefig(beside, metadata={"Date": None, "Creator": None})
                return
            self.canvas.draw()
            image = Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB")
            for quality in range(85, 20, -5):
                image.save(beside, quality=quality, subsampling=0, optimize=True, dpi=(DPI, DPI))
                if beside.stat().st_size < LARGEST:
                    return


#: A picture's record, and how to draw it.
Picture = tuple[FigureRecord, Callable[[], "Drawing"]]


def file_name(*parts: str, suffix: str) -> str:
    """A name for a picture of lower-case letters, digits and `-`."""
    plain = unicodedata.normalize("NFKD", "-".join(parts)).encode("ascii", "ignore").decode().lower()
    return f"{re.sub('[^a-z0-9]+', '-', plain).strip('-')[:120]}.{suffix}"


def free_name(file: str, taken: set[str]) -> str:
    """The file name, numbered where it is taken."""
    stem, suffix = file.rsplit(".", 1)
    numbered = (f"{stem}-{number}.{suffix}" for number in range(2, len(taken) + 3))
    return file if file not in taken else next(one for one in numbered if one not in taken)


def drawable(text: str) -> str:
    """Text with the characters that the font lacks written as code points."""
    font = get_font(findfont(FONT))
    known = [one.isprintable() and font.get_char_index(ord(one)) for one in text]
    return "".join(one if here else f"U+{ord(one):04X}" for one, here in zip(text, known, strict=True))


def _fit(text: str, width: float, size: float) -> tuple[str, float]:
    """The text and its size in points, smaller or with its middle left out, so that it fits into `width`."""
    font = get_font(findfont(FONT))
    font.set_size(size, 72)
    kept = len(text)
    while True:
        shown = text if kept == len(text) else f"{text[: kept // 2]}…{text[len(text) - kept // 2 :]}"
        font.set_text(shown, 0.0)
        wide = font.get_width_height()[0] / 64 / 72 / CM
        if wide * LEAST <= width * size or kept < 4:
            return shown, min(size, size * width / wide) if wide else size
        kept -= 1
