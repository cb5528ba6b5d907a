"""Figures: results.json, predictions and test images in, the pictures of the paper out, with figures.json.

Every picture is a function of its data alone: two runs give the same bytes.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.textpath import TextPath
from numpy.typing import NDArray
from PIL import Image

from repro.data.layout import GOOD
from repro.errors import ReproError
from repro.records import FigureRecord, Figures, QueryRecord, Results
from repro.runs import Cell, RunFolder, read_json, read_record, write_json, writing
from repro.score import load, normalise

MEND = "run `nox -s evaluate` to make it"
#: Width of the paper's text column, and what a picture may take of a page's height, in cm.
WIDTH, HEIGHT = 16.0, 20.0
CM = 1 / 2.54
DPI = 200
LARGEST = 200_000
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    # Names may hold `$` and `_`.
    "text.parse_math": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "0.4",
    "hatch.linewidth": 0.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "repro",
}
#: Okabe and Ito's colours; image metrics are blue, pixel metrics orange and hatched for print in grey.
METRICS = {
    "image_auroc": ("image AUROC", "#0072B2", None),
    "image_f1": ("image F1", "#56B4E9", None),
    "pixel_auroc": ("pixel AUROC", "#D55E00", "////"),
    "pixel_f1": ("pixel F1", "#F0C060", "////"),
}
CATEGORIES_A_ROW = 4
MODEL_NAMES = {"efficientad": "EfficientAD", "patchcore": "PatchCore"}
PLACES = ("best", "median", "worst")
COLOURS = "inferno"
OUTSIDE = "0.85"
OUTLINE = "#56E9FF"
#: How a hit relates to its query: what the legend says, colour, line style.
SAME_DEFECT = ("same defect type", "#009E73", "-")
SAME_LABEL = ("another defect type", "#E69F00", (0, (4, 1.5)))
OTHER_LABEL = ("other label (normal or anomalous)", "#CC0066", (0, (1, 1)))

Picture = tuple[FigureRecord, "Sheet"]


def draw(folder: RunFolder, progress: Callable[[int, int], None] | None = None) -> None:
    """Draw a study's pictures into the `figures` folder of its report, and list them in figures.json.

    Files there that are no longer drawn are deleted. ReproError where predictions or images are missing.
    """
    results = read_record(folder.report / "results.json", Results, mend=MEND)
    target = folder.report / "figures"
    total = _count(results)
    records: list[FigureRecord] = []
    with matplotlib.rc_context(STYLE):
        for record, sheet in _pictures(folder, results):
            record = record.model_copy(update={"file": _free(record.file, {one.file for one in records})})
            sheet.save(target / record.file)
            records.append(record)
            if progress:
                progress(len(records), total)
    write_json(target / "figures.json", Figures(schema_version=1, figures=tuple(records)).model_dump(mode="json"))
    drawn = {"figures.json", *(record.file for record in records)}
    for path in target.iterdir():
        if path.is_file() and path.name not in drawn:
            path.unlink()


def _pictures(folder: RunFolder, results: Results) -> Iterator[Picture]:
    for variant in results.variants:
        yield metric_bars(results, variant)
    for category in results.study.categories:
        if any(choice.category == category for choice in results.heat_maps):
            yield from heat_maps(folder, results, category)
    for variant in results.variants:
        for category in results.study.categories:
            yield from similarity(folder, results, variant, category)


def _count(results: Results) -> int:
    sheets = {(choice.category, choice.place) for choice in results.heat_maps}
    first = {key for key, cell in results.cells.items() if cell.seed == results.study.seeds[0]}
    queries = sum(len(found.published.queries) for key, found in results.retrieval.items() if key in first)
    return len(results.variants) + len(sheets) + queries


class Sheet:
    """A picture laid out in cm from its top left corner."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH * CM, height * CM), dpi=DPI, facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes whose top left corner lies at `x`, `y`."""
        bottom = 1 - (y + height) / self.height
        return self.figure.add_axes((x / WIDTH, bottom, width / WIDTH, height / self.height))

    def panel(self, x: float, y: float, side: float, pixels: int) -> Axes:
        """Square axes for an image of `pixels` by `pixels`, without ticks."""
        axes = self.axes(x, y, side, side)
        axes.set(xlim=(0, pixels), ylim=(pixels, 0), xticks=[], yticks=[])
        return axes

    def text(self, x: float, y: float, text: str, width: float, size: float = 7, **look: Any) -> None:
        """Text centred at `x` with its top at `y`, made to fit into `width`."""
        text, size = _fit(_drawable(text), width, size)
        self.figure.text(x / WIDTH, 1 - y / self.height, text, size=size, ha="center", **{"va": "top"} | look)

    def legend(self, y: float, handles: list[Any]) -> None:
        """A line of legend entries centred at `y`."""
        self.figure.legend(
            handles=handles,
            loc="center",
            bbox_to_anchor=(0.5, 1 - y / self.height),
            ncols=len(handles),
            frameon=False,
            fontsize=7.5,
            handlelength=1.8,
            columnspacing=1.6,
        )

    def save(self, path: Path) -> None:
        """Write SVG, or JPEG in the best quality that stays below the largest size."""
        with writing(path) as beside:
            if path.suffix == ".svg":
                self.figure.savefig(beside, metadata={"Date": None, "Creator": None})
                return
            self.canvas.draw()
            image = Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB")
            for quality in range(86, 20, -6):
                image.save(beside, quality=quality, subsampling=0, optimize=True, dpi=(DPI, DPI))
                if beside.stat().st_size < LARGEST:
                    return


def metric_bars(results: Results, variant: str) -> Picture:
    """The four published metrics of a variant by category: mean over seeds, with whiskers from least to greatest."""
    categories = results.study.categories
    rows = [categories[start : start + CATEGORIES_A_ROW] for start in range(0, len(categories), CATEGORIES_A_ROW)]
    row_height = 5.2 if len(rows) == 1 else 3.6
    sheet = Sheet(1.0 + len(rows) * (row_height + 0.9))
    said = []
    for row, names in enumerate(rows):
        axes = sheet.axes(1.3, 1.2 + row * (row_height + 0.9), WIDTH - 1.4, row_height)
        axes.set(xlim=(-0.5, len(rows[0]) - 0.5), ylim=(0, 1), xticks=range(len(names)), ylabel="metric")
        axes.set_xticklabels([_drawable(name) for name in names], size=8.5)
        axes.set_yticks(np.arange(0, 1.01, 0.2))
        axes.tick_params(length=0, colors="0.2")
        axes.grid(axis="y", color="0.88", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        for place, name in enumerate(names):
            cells = [results.cells[Cell(variant, name, seed).key].metrics for seed in results.study.seeds]
            values = []
            for index, (metric, (label, colour, hatch)) in enumerate(METRICS.items()):
                seeds = [float(getattr(cell, metric)) for cell in cells]
                x, mean = place + (index - 1.5) * 0.21, fmean(seeds)
                axes.bar(x, mean, 0.19, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
                if len(seeds) > 1:
                    axes.plot([x, x], [min(seeds), max(seeds)], color="0.1", linewidth=0.9, clip_on=False)
                axes.annotate(f"{mean:.3f}", (x, max(seeds)), (0, 2), textcoords="offset points", ha="center", size=7)
                values.append(f"{label} {mean:.3f}")
            said.append(f"{name}: {', '.join(values)}")
    sheet.legend(
        0.35,
        [
            Patch(facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0, label=label)
            for label, colour, hatch in METRICS.values()
        ],
    )
    seeds = len(results.study.seeds)
    over = f", mean of {seeds} seeds, whiskers from least to greatest" if seeds > 1 else ""
    alt = f"Bars from 0 to 1 of four metrics of {_names(results)[variant]} by category{over}. {'; '.join(said)}."
    return FigureRecord(
        file=_file("metrics", variant, suffix="svg"), kind="metric_bars", alt=alt, variant=variant
    ), sheet


@dataclass(frozen=True)
class Seen:
    """What a variant says of one image."""

    #: [H, W], normalised: 0.5 is the threshold.
    map: NDArray[np.float32]
    #: [H, W]
    mask: NDArray[np.bool_]
    score: np.float32
    threshold: np.float32
    #: Side of the square in the middle of the image that the map shows, in pixels.
    frame: int

    @property
    def found(self) -> bool:
        return bool(self.score > self.threshold)

    @property
    def judged(self) -> str:
        """The image's score beside the threshold, with as many digits as tell them apart."""
        for digits in range(3, 10):
            score, threshold = f"{self.score:.{digits}g}", f"{self.threshold:.{digits}g}"
            if score != threshold:
                break
        return f"{score} {'>' if self.found else '≤'} {threshold}, {'found' if self.found else 'missed'}"


def heat_maps(folder: RunFolder, results: Results, category: str) -> Iterator[Picture]:
    """A sheet for each place of a category: an image of each defect type, its map by each variant, its mask."""
    names = _names(results)
    chosen = [choice for choice in results.heat_maps if choice.category == category]
    wanted = {choice.image for choice in chosen}
    seen = {variant: _see(folder, results, variant, category, wanted) for variant in results.variants}
    for place in PLACES:
        rows = [(choice.defect, choice.image) for choice in chosen if choice.place == place]
        if not rows:
            continue
        said = []
        for defect, image in rows:
            judged = [f"{names[variant]} {seen[variant][image].judged}" for variant in results.variants]
            said.append(f"{defect} ({image.rsplit('/', 1)[-1]}): {', '.join(judged)}")
        alt = (
            f"Input, anomaly map of {', '.join(names.values())}, and ground truth of the {place} {category} image "
            f"of each defect type, with image score and threshold. {'; '.join(said)}."
        )
        file = _file("heat-maps", category, place, suffix="jpg")
        record = FigureRecord.model_validate(
            {"file": file, "kind": "heat_maps", "alt": alt, "category": category, "place": place}
        )
        yield (
            record,
            _heat_map_sheet(_photographs(folder, results, category), names, rows, seen, results.study.image_size),
        )


def _see(folder: RunFolder, results: Results, variant: str, category: str, wanted: set[str]) -> dict[str, Seen]:
    """What the first seed of a variant says of the wanted images."""
    cell = Cell(variant, category, results.study.seeds[0])
    path = folder.cell(cell) / "predictions.npz"
    predictions = load(path)
    rows = {str(image): row for row, image in enumerate(predictions.images)}
    if missing := sorted(wanted - set(rows)):
        raise ReproError(f"holds no prediction for {missing[0]}", where=path, mend="run `nox -s evaluate` again")
    thresholds = results.cells[cell.key].thresholds
    maps = normalise(predictions.maps, thresholds.pixel)
    frame = results.variants[variant].settings.get("center_crop") or results.study.image_size
    return {
        image: Seen(
            map=maps[rows[image]].copy(),
            mask=predictions.masks[rows[image]],
            score=predictions.scores[rows[image]],
            threshold=np.float32(thresholds.image),
            frame=frame,
        )
        for image in wanted
    }


def _heat_map_sheet(
    photograph: Callable[[str], Image.Image],
    names: dict[str, str],
    rows: list[tuple[str, str]],
    seen: dict[str, dict[str, Seen]],
    pixels: int,
) -> Sheet:
    left, gap, caption, top, bottom, scale = 0.6, 0.15, 0.5, 0.55, 0.7, 1.9
    columns = ["input", *names.values(), "ground truth"]
    side = min(
        (WIDTH - left - scale) / len(columns) - gap,
        (HEIGHT - top - bottom) / len(rows) - caption,
        3.6,
    )
    # What the panels leave of the width stands on both sides of them.
    left += (WIDTH - left - scale - len(columns) * (side + gap)) / 2
    sheet = Sheet(top + len(rows) * (side + caption) + bottom)
    places = [left + column * (side + gap) for column in range(len(columns))]
    for x, name in zip(places, columns, strict=True):
        sheet.text(x + side / 2, top - 0.12, name, side, 8.5, va="bottom")
    crops = set()
    for row, (defect, image) in enumerate(rows):
        y = top + row * (side + caption)
        sheet.text(places[0] - 0.3, y + side / 2, defect, side, 8.5, rotation=90, va="center")
        views = [seen[variant][image] for variant in names]
        truth = max(views, key=lambda view: view.frame)
        panels = [sheet.panel(x, y, side, pixels) for x in places]
        panels[0].imshow(photograph(image), extent=(0, pixels, pixels, 0))
        sheet.text(places[0] + side / 2, y + side + 0.07, image.rsplit("/", 1)[-1], side)
        for axes, x, view in zip(panels[1:-1], places[1:-1], views, strict=True):
            _place(axes, view.map, view.frame, pixels, COLOURS)
            sheet.text(x + side / 2, y + side + 0.07, view.judged, side)
            if view.frame < pixels:
                crops.add(view.frame)
                start = _offset(view.frame, pixels)
                for colour, style in (("black", "-"), ("white", (0, (3, 3)))):
                    look = {"fill": False, "edgecolor": colour, "linewidth": 0.8, "linestyle": style}
                    panels[0].add_patch(Rectangle((start, start), view.frame, view.frame, **look))
        _place(panels[-1], truth.mask, truth.frame, pixels, "gray")
        for axes in panels[:-1]:
            _outline(axes, truth.mask, truth.frame, pixels)
    bar = sheet.axes(places[-1] + side + 0.35, top, 0.28, min(2 * side + caption, sheet.height - top - bottom))
    bar.imshow(np.linspace(1, 0, 256)[:, None], cmap=COLOURS, aspect="auto", extent=(0, 1, 0, 1))
    bar.set(xticks=[], yticks=[0, 0.5, 1])
    bar.set_yticklabels(["0", "0.5\nthreshold", "1"], size=7)
    bar.yaxis.tick_right()
    bar.tick_params(length=2, width=0.6, pad=2)
    bar.text(2.2, 0.75, "normalised map", rotation=90, va="center", size=7)
    handles: list[Any] = [Line2D([], [], color=OUTLINE, linewidth=1.4, label="outline of the ground truth")]
    if crops:
        sides = ", ".join(f"{crop}" for crop in sorted(crops))
        handles.append(
            Line2D([], [], color="0.2", linewidth=0.9, linestyle=(0, (3, 2)), label=f"centre crop ({sides} px)")
        )
        handles.append(Patch(facecolor=OUTSIDE, edgecolor="0.5", linewidth=0.5, label="outside the crop: no map"))
    sheet.legend(sheet.height - 0.3, handles)
    return sheet


def _offset(frame: int, pixels: int) -> int:
    """Where a centre crop begins, as torchvision counts."""
    return round((pixels - frame) / 2)


def _place(axes: Axes, values: NDArray[Any], frame: int, pixels: int, colours: str) -> None:
    """Show values in [0, 1] in their frame in the middle of the image."""
    start, end = _offset(frame, pixels), _offset(frame, pixels) + frame
    axes.set_facecolor(OUTSIDE)
    axes.imshow(values, cmap=colours, vmin=0, vmax=1, extent=(start, end, end, start), zorder=0)
    axes.set(xlim=(0, pixels), ylim=(pixels, 0))


def _outline(axes: Axes, mask: NDArray[np.bool_], frame: int, pixels: int) -> None:
    if not mask.any():
        return
    # Padded, so that a defect at the border is closed there.
    padded = np.pad(mask, 1).astype(float)
    x, y = (_offset(frame, pixels) + (np.arange(-1, n + 1) + 0.5) * frame / n for n in mask.shape[::-1])
    for colour, width in (("black", 1.3), (OUTLINE, 0.7)):
        axes.contour(x, y, padded, levels=[0.5], colors=colour, linewidths=width)


def similarity(folder: RunFolder, results: Results, variant: str, category: str) -> Iterator[Picture]:
    """A sheet for each query shown of a cell: what the published feature and the patch embedding find for it."""
    found = results.retrieval.get(Cell(variant, category, results.study.seeds[0]).key)
    for number, query in enumerate(found.published.queries if found else (), 1):
        assert found is not None
        rows = [("published feature", query)]
        rows += [("patch embedding", other) for other in found.patch_embedding.queries if other.image == query.image]
        said = []
        for name, asked in rows:
            hits = [
                f"{hit.defect} {hit.score:.4f}{' (the query itself)' * (hit.image == query.image)}"
                for hit in asked.hits
            ]
            said.append(f"by {name} {', '.join(hits) or 'nothing'}")
        alt = f"{_names(results)[variant]}, query {query.image} ({query.defect}), and its hits: {'; '.join(said)}."
        file = _file("similar", variant, category, str(number), suffix="jpg")
        record = FigureRecord(
            file=file, kind="similarity", alt=alt, variant=variant, category=category, query=query.image
        )
        yield record, _similarity_sheet(_photographs(folder, results, category), rows)


def _similarity_sheet(photograph: Callable[[str], Image.Image], rows: list[tuple[str, QueryRecord]]) -> Sheet:
    left, gap, apart, caption = 0.55, 0.16, 0.3, 1.25
    hits = max(1, *(len(query.hits) for _, query in rows))
    side = min((WIDTH - left - apart - 0.05) / (hits + 1) - gap, 3.0)
    sheet = Sheet(0.1 + len(rows) * (side + caption) + 0.55)
    used = []
    for row, (name, query) in enumerate(rows):
        y = 0.1 + row * (side + caption)
        sheet.text(0.25, y + side / 2, name, side + 0.8, 8, rotation=90, va="center")
        pictures = [(query.image, ("query", query.defect), ("query", "black", "-"))]
        for hit in query.hits:
            if hit.defect == query.defect:
                relation = SAME_DEFECT
            else:
                relation = SAME_LABEL if GOOD not in (hit.defect, query.defect) else OTHER_LABEL
            used.append(relation)
            pictures.append((hit.image, (f"{hit.rank}:  {hit.score:.4f}", hit.defect), relation))
        for column, (image, lines, (_, colour, style)) in enumerate(pictures):
            x = left + column * (side + gap) + apart * (column > 0)
            axes = sheet.panel(x, y, side, 1)
            axes.imshow(photograph(image), extent=(0, 1, 1, 0))
            for spine in axes.spines.values():
                spine.set(color=colour, linewidth=2.2, linestyle=style, capstyle="butt")
            itself = column > 0 and image == query.image
            last = "the query itself" if itself else image.rsplit("/", 1)[-1]
            for line, text in enumerate((*lines, last)):
                look = {"weight": "bold"} if (line == 2 and itself) or (line == 0 and column == 0) else {}
                sheet.text(x + side / 2, y + side + 0.1 + 0.34 * line, text, side, **look)
    relations = [relation for relation in (SAME_DEFECT, SAME_LABEL, OTHER_LABEL) if relation in used]
    sheet.legend(
        sheet.height - 0.25,
        [
            Line2D([], [], color=colour, linewidth=2.2, linestyle=style, label=label)
            for label, colour, style in relations
        ],
    )
    return sheet


def _photographs(folder: RunFolder, results: Results, category: str) -> Callable[[str], Image.Image]:
    """A function from the name of an image to the image as the model is shown it, resized, before any crop."""
    root = Path(read_json(folder.manifest(category), mend=MEND)["root"])
    size = (results.study.image_size,) * 2

    def photograph(name: str) -> Image.Image:
        try:
            with Image.open(root / name) as image:
                return image.convert("RGB").resize(size, Image.Resampling.BILINEAR)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ReproError(reason, where=root / name, mend="restore the image, or run the study again") from None

    return photograph


def _names(results: Results) -> dict[str, str]:
    """Name of each variant: the model's, with the variant's own where a model has several."""
    models = Counter(record.model for record in results.variants.values())
    return {
        variant: MODEL_NAMES[record.model] + (f" ({variant})" if models[record.model] > 1 else "")
        for variant, record in results.variants.items()
    }


def _file(*parts: str, suffix: str) -> str:
    """A name for a picture of lower-case letters, digits and `-`."""
    plain = unicodedata.normalize("NFKD", "-".join(parts)).encode("ascii", "ignore").decode().lower()
    return f"{re.sub('[^a-z0-9]+', '-', plain).strip('-')}.{suffix}"


def _free(file: str, taken: set[str]) -> str:
    stem, suffix = file.rsplit(".", 1)
    number = 1
    while file in taken:
        number += 1
        file = f"{stem}-{number}.{suffix}"
    return file


def _drawable(text: str) -> str:
    """Text with the characters that the font lacks written as code points."""
    font = get_font(findfont("DejaVu Sans"))
    return "".join(one if one.isprintable() and font.get_char_index(ord(one)) else f"U+{ord(one):04X}" for one in text)


def _fit(text: str, width: float, size: float) -> tuple[str, float]:
    """Text and size in points, smaller or with its middle left out, that fit into `width` cm."""
    while True:
        wide = float(TextPath((0, 0), text, size=size).get_extents().width) / 72 / CM if text.strip() else 0.0
        if wide <= width:
            return text, size
        if size * width / wide >= 5 or len(text) < 8:
            return text, size * width / wide
        half = max(3, int(len(text) * 5 / 6 / 2))
        text = f"{text[:half].rstrip('…')}…{text[-half + 1 :].lstrip('…')}"
