"""Sheet: the canvas of all figures, in one style. Lengths are in cm from the top left."""

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

#: Width of the paper's text column, and greatest height of a figure, in cm.
WIDTH, HEIGHT = 16.0, 20.0
CM = 1 / 2.54
DPI = 200
#: Largest raster file, in bytes.
LARGEST = 130_000
FONT = "DejaVu Sans"
#: Drawn in place of a cell that is missing from a partial report.
MISSING = "missing"
#: Size of text, and the least to which long names are reduced, in points.
SIZE, LEAST = 7.0, 5.0
STYLE: dict[str, Any] = {
    "font.family": FONT,
    "font.size": 8,
    # Names may contain `$` and `_`.
    "text.parse_math": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "0.4",
    "hatch.linewidth": 0.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "repro",
}


#: Colour-blind-safe colours (Okabe and Ito), dark and light in turn, each with its own marker and dashes for print in
#: grey.
LINE_STYLES: tuple[tuple[str, str, Any], ...] = (
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
    """A figure as wide as the text column."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH * CM, height * CM), dpi=DPI, facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0), autoscale_on=False)
        self.axes.set_axis_off()

    def image(
        self, x: float, y: float, width: float, height: float, values: Any, colours: str | None = None, **style: Any
    ) -> None:
        """An image, or values in [0, 1] on a colour scale."""
        style = {"aspect": "auto", "extent": (x, x + width, y + height, y), "zorder": 1, **style}
        self.axes.imshow(values, cmap=colours, vmin=0, vmax=1, **style)

    def square(self, x: float, y: float, side: float, colour: str, **style: Any) -> None:
        """The outline of a square."""
        style = {"facecolor": "none", "edgecolor": colour, "zorder": 3, **style}
        self.axes.add_patch(Rectangle((x, y), side, side, **style))

    def text(self, x: float, y: float, text: str, width: float, size: float = SIZE, **style: Any) -> None:
        """Text centred at `x` with its top at `y`, fitted into `width`."""
        text, size = _fit(drawable(text), width, size)
        self.axes.text(x, y, text, size=size, **{"ha": "center", "va": "top"} | style)

    def legend(self, y: float, handles: list[Any]) -> None:
        """A line of legend entries centred at `y`."""
        style = {"frameon": False, "fontsize": 7.5, "handlelength": 1.8, "columnspacing": 1.6}
        place = (0.5, 1 - y / self.height)
        self.figure.legend(handles=handles, loc="center", bbox_to_anchor=place, ncols=len(handles), **style)

    def plot(self, x: float, y: float, width: float, height: float, **style: Any) -> Axes:
        """Axes for a plot, without top and right spine."""
        place = (x / WIDTH, 1 - (y + height) / self.height, width / WIDTH, height / self.height)
        axes = self.figure.add_axes(place, **style)
        axes.tick_params(length=2, width=0.5, color="0.4", labelsize=SIZE, labelcolor="0.2")
        axes.grid(color="0.9", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        return axes

    def save(self, path: Path) -> None:
        """Write SVG, or JPEG in the best quality that stays below the largest size."""
        with writing(path) as temporary:
            if path.suffix == ".svg":
                self.figure.savefig(temporary, metadata={"Date": None, "Creator": None})
                return
            self.canvas.draw()
            image = Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB")
            for quality in range(85, 20, -5):
                image.save(temporary, quality=quality, subsampling=0, optimize=True, dpi=(DPI, DPI))
                if temporary.stat().st_size < LARGEST:
                    return


#: A figure's record, and a function that draws it.
Picture = tuple[FigureRecord, Callable[[], "Drawing"]]


def file_name(*parts: str, suffix: str) -> str:
    """A file name of lower-case letters, digits and `-`."""
    plain = unicodedata.normalize("NFKD", "-".join(parts)).encode("ascii", "ignore").decode().lower()
    return f"{re.sub('[^a-z0-9]+', '-', plain).strip('-')[:120]}.{suffix}"


def unique_name(file: str, taken: set[str]) -> str:
    """The file name, with a number where it is taken."""
    stem, suffix = file.rsplit(".", 1)
    numbered = (f"{stem}-{number}.{suffix}" for number in range(2, len(taken) + 3))
    return file if file not in taken else next(name for name in numbered if name not in taken)


def drawable(text: str) -> str:
    """The text with each character that the font lacks replaced by its code point."""
    font = get_font(findfont(FONT))
    return "".join(
        character if character.isprintable() and font.get_char_index(ord(character)) else f"U+{ord(character):04X}"
        for character in text
    )


def _fit(text: str, width: float, size: float) -> tuple[str, float]:
    """The text and its size in points, reduced or with the middle left out, so that it fits into `width`."""
    font = get_font(findfont(FONT))
    font.set_size(size, 72)
    kept = len(text)
    while True:
        shown = text if kept == len(text) else f"{text[: kept // 2]}…{text[len(text) - kept // 2 :]}"
        font.set_text(shown, 0.0)
        drawn = font.get_width_height()[0] / 64 / 72 / CM
        if drawn * LEAST <= width * size or kept < 4:
            return shown, min(size, size * width / drawn) if drawn else size
        kept -= 1
