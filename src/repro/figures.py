"""Figures: results.json, predictions and test images in, the pictures of the paper and figures.json out.

Every picture is a function of its data alone: two runs give the same bytes.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from repro.data.layout import GOOD
from repro.errors import ReproError
from repro.metrics import normalise
from repro.records import FigureRecord, Figures, Results
from repro.retrieval_records import QueryRecord
from repro.runs import Cell, RunFolder, read_json, read_record, write_json
from repro.score import load
from repro.sheet import HEIGHT, SIZE, STYLE, WIDTH, Sheet, drawable

MEND = "run `nox -s evaluate` to make it"
#: Label, colour (Okabe and Ito) and hatch: image metrics are blue, pixel metrics orange and hatched for print in grey.
METRICS = {
    "image_auroc": ("image AUROC", "#0072B2", None),
    "image_f1": ("image F1", "#56B4E9", None),
    "pixel_auroc": ("pixel AUROC", "#D55E00", "////"),
    "pixel_f1": ("pixel F1", "#E69F00", "////"),
}
CATEGORIES_A_ROW = 4
PLACES = ("best", "median", "worst")
MAP_COLOURS, OUTLINE, OUTSIDE = "inferno", "#56E9FF", "0.85"
DASHED = (0, (3, 3))
#: How a hit relates to its query: what the legend says, colour, line style.
SAME_DEFECT = ("same defect type, or both good", "#009E73", "-")
SAME_LABEL = ("another defect type", "#E69F00", (0, (3, 1)))
OTHER_LABEL = ("other label (normal or anomalous)", "#CC0066", (0, (1, 1)))

Picture = tuple[FigureRecord, Sheet]
#: From the name of an image to the image.
Photograph = Callable[[str], Image.Image]


def draw(folder: RunFolder, progress: Callable[[int, int], None] | None = None) -> None:
    """Draw a study's pictures into the `figures` folder of its report, and list them in figures.json.

    Files there that are no longer drawn are deleted. ReproError where predictions or images are missing.
    """
    results = read_record(folder.report / "results.json", Results, mend=MEND)
    target = folder.report / "figures"
    records: list[FigureRecord] = []
    with matplotlib.rc_context(STYLE):
        for record, sheet in _pictures(folder, results):
            file = _free(record.file, {one.file for one in records})
            sheet.save(target / file)
            records.append(record.model_copy(update={"file": file}))
            if progress:
                progress(len(records), _count(results))
    figures = Figures(schema_version=1, figures=tuple(records))
    write_json(target / "figures.json", figures.model_dump(mode="json"))
    for path in target.iterdir():
        if path.is_file() and path.name not in {"figures.json", *(record.file for record in records)}:
            path.unlink()


def _pictures(folder: RunFolder, results: Results) -> Iterator[Picture]:
    for variant in results.variants:
        yield metric_bars(results, variant)
    for category in results.study.categories:
        yield from heat_maps(folder, results, category)
    for variant in results.variants:
        for category in results.study.categories:
            yield from similarity(folder, results, variant, category)


def _count(results: Results) -> int:
    sheets = {(choice.category, choice.place) for choice in results.heat_maps}
    first = {key for key, cell in results.cells.items() if cell.seed == results.seeds(cell.variant)[0]}
    queries = sum(len(found.published.queries) for key, found in results.retrieval.items() if key in first)
    return len(results.variants) + len(sheets) + queries


def metric_bars(results: Results, variant: str) -> Picture:
    """The four published metrics of a variant by category: mean over seeds, whiskers from least to greatest."""
    categories, seeds = results.study.categories, results.seeds(variant)
    rows = [categories[start : start + CATEGORIES_A_ROW] for start in range(0, len(categories), CATEGORIES_A_ROW)]
    tall = 5.2 if len(rows) == 1 else 3.6
    sheet = Sheet(1.0 + len(rows) * (tall + 0.9))
    said = []
    look: dict[str, Any]
    for row, names in enumerate(rows):
        bottom = 1 - (1.1 + row * (tall + 0.9) + tall) / sheet.height
        axes = sheet.figure.add_axes((0.9 / WIDTH, bottom, 1 - 1.0 / WIDTH, tall / sheet.height))
        axes.set(xlim=(-0.5, len(rows[0]) - 0.5), ylim=(0, 1), xticks=range(len(names)), yticks=np.arange(6) / 5)
        axes.set_xticklabels([drawable(name) for name in names], size=8.5)
        axes.tick_params(length=0, colors="0.2")
        axes.grid(axis="y", color="0.88", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        for place, name in enumerate(names):
            values = []
            for index, (metric, (label, colour, hatch)) in enumerate(METRICS.items()):
                measured = [getattr(results.cells[Cell(variant, name, seed).key].metrics, metric) for seed in seeds]
                x, mean = place + (index - 1.5) * 0.21, fmean(measured)
                axes.bar(x, mean, 0.19, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
                if len(seeds) > 1:
                    axes.plot([x, x], [min(measured), max(measured)], color="0.1", linewidth=0.9, clip_on=False)
                # The white ground keeps the grid's lines out of the digits.
                look = {"ha": "center", "size": SIZE, "bbox": {"facecolor": "white", "linewidth": 0, "pad": 0.4}}
                axes.annotate(f"{mean:.3f}", (x, max(measured)), (0, 2), textcoords="offset points", **look)
                values.append(f"{label} {mean:.3f}")
            said.append(f"{name}: {', '.join(values)}")
    look = {"edgecolor": "white", "linewidth": 0}
    sheet.legend(
        0.3, [Patch(facecolor=colour, hatch=hatch, label=label, **look) for label, colour, hatch in METRICS.values()]
    )
    over = f", mean of {len(seeds)} seeds, whiskers from least to greatest" if len(seeds) > 1 else ""
    alt = f"Bars of four metrics, from 0 to 1, of {results.names[variant]} by category{over}. {'; '.join(said)}."
    file = _file("metrics", variant, suffix="svg")
    return FigureRecord(file=file, kind="metric_bars", alt=alt, variant=variant), sheet


@dataclass(frozen=True)
class Seen:
    """What a variant says of one anomalous image."""

    #: [H, W], normalised: 0.5 is the threshold.
    map: NDArray[np.float32]
    #: [H, W]
    mask: NDArray[np.bool_]
    score: np.float32
    threshold: np.float32
    #: Where the square that the map shows begins and how long its side is, as shares of the image's side.
    start: float
    share: float

    @property
    def judged(self) -> str:
        """The image's score beside the threshold, with as many digits as tell them apart."""
        shown = (f"{self.score:.{digits}g} {{}} {self.threshold:.{digits}g}" for digits in range(3, 10))
        told = next(
            (one for one in shown if len(set(one.split(" {} "))) == 2), f"{self.score:.3g} {{}} {self.threshold:.3g}"
        )
        # Like anomalib, only what lies above the threshold is called anomalous.
        return f"{told.format('>')}, found" if self.score > self.threshold else f"{told.format('≤')}, missed"


def heat_maps(folder: RunFolder, results: Results, category: str) -> Iterator[Picture]:
    """A sheet for each place of a category: an image of each defect type, its map by each variant, its mask."""
    chosen = [choice for choice in results.heat_maps if choice.category == category]
    if not chosen:
        return
    wanted = {choice.image for choice in chosen}
    seen = {name: _see(folder, results, variant, category, wanted) for variant, name in results.names.items()}
    photograph = _photographs(folder, results)
    for place in PLACES:
        rows = [(choice.defect, choice.image) for choice in chosen if choice.place == place]
        if not rows:
            continue
        said = [
            f"{defect} ({image.rsplit('/', 1)[-1]}): {', '.join(f'{name} {seen[name][image].judged}' for name in seen)}"
            for defect, image in rows
        ]
        alt = (
            f"Input, anomaly map of {', '.join(seen)}, and ground truth of the {place} {category} image of each "
            f"defect type, with image score and threshold. {'; '.join(said)}."
        )
        file = _file("heat-maps", category, place, suffix="jpg")
        content = {"file": file, "kind": "heat_maps", "alt": alt, "category": category, "place": place}
        yield FigureRecord.model_validate(content), _heat_map_sheet(photograph, rows, seen)


def _see(folder: RunFolder, results: Results, variant: str, category: str, wanted: set[str]) -> dict[str, Seen]:
    """What the first seed of a variant says of the wanted images."""
    cell = Cell(variant, category, results.seeds(variant)[0])
    path = folder.cell(cell) / "predictions.npz"
    predictions = load(path)
    rows = {str(image): row for row, image in enumerate(predictions.images)}
    if missing := sorted(wanted - set(rows)):
        raise ReproError(f"holds no prediction for {missing[0]}", where=path, mend="run `nox -s evaluate` again")
    thresholds = results.cells[cell.key].thresholds
    maps = normalise(predictions.maps, thresholds.pixel)
    side = results.study.image_size
    crop = results.variants[variant].settings.get("center_crop") or side
    return {
        image: Seen(
            map=maps[rows[image]].copy(),
            mask=predictions.masks[rows[image]].copy(),
            score=predictions.scores[rows[image]],
            threshold=np.float32(thresholds.image),
            # Rounded to whole pixels, as torchvision crops.
            start=round((side - crop) / 2) / side,
            share=crop / side,
        )
        for image in wanted
    }


def _heat_map_sheet(photograph: Photograph, rows: list[tuple[str, str]], seen: dict[str, dict[str, Seen]]) -> Sheet:
    label, gap, caption, top, bottom, scale = 0.6, 0.15, 0.5, 0.55, 1.0, 1.9
    columns = ["input", *seen, "ground truth"]
    free = WIDTH - label - scale
    side = min(free / len(columns) - gap, (HEIGHT - top - bottom) / len(rows) - caption, 3.6)
    # What the panels leave of the width stands on both sides of them.
    left = label + (free - len(columns) * (side + gap)) / 2
    places = [left + column * (side + gap) for column in range(len(columns))]
    sheet = Sheet(top + len(rows) * (side + caption) + bottom)
    for x, name in zip(places, columns, strict=True):
        sheet.text(x + side / 2, top - 0.12, name, side, 8.5, va="bottom")
    for row, (defect, image) in enumerate(rows):
        y = top + row * (side + caption)
        views = [views[image] for views in seen.values()]
        truth = max(views, key=lambda view: view.share)
        sheet.text(left - 0.3, y + side / 2, defect, side, 8.5, rotation=90, va="center")
        sheet.image(places[0], y, side, side, photograph(image))
        sheet.text(places[0] + side / 2, y + side + 0.07, image.rsplit("/", 1)[-1], side)
        for x, view in zip(places[1:-1], views, strict=True):
            _place(sheet, x, y, side, view, view.map, MAP_COLOURS)
            sheet.text(x + side / 2, y + side + 0.07, view.judged, side)
            if view.share < 1:
                corner = (places[0] + view.start * side, y + view.start * side)
                sheet.square(*corner, view.share * side, "black", linewidth=0.9)
                sheet.square(*corner, view.share * side, "white", linewidth=0.9, linestyle=DASHED)
        _place(sheet, places[-1], y, side, truth, truth.mask, "gray")
        for x in places[:-1]:
            _outline(sheet, x, y, side, truth)
    _colour_bar(sheet, places[-1] + side + 0.35, top, min(2 * side + caption, sheet.height - top - bottom))
    handles: list[Any] = [Line2D([], [], color=OUTLINE, linewidth=1.6, label="outline of the ground truth")]
    if any(view.share < 1 for views in seen.values() for view in views.values()):
        handles.append(Line2D([], [], color="0.2", linewidth=0.9, linestyle=DASHED, label="centre crop"))
        handles.append(Patch(facecolor=OUTSIDE, edgecolor="0.5", linewidth=0.5, label="outside the crop: no map"))
    sheet.text(WIDTH / 2, sheet.height - 0.95, "Below each map: the image's score and the image threshold.", WIDTH, 7.5)
    sheet.legend(sheet.height - 0.3, handles)
    return sheet


def _place(sheet: Sheet, x: float, y: float, side: float, view: Seen, values: NDArray[Any], colours: str) -> None:
    """Show values where the view's square lies in the image."""
    sheet.square(x, y, side, "0.5", facecolor=OUTSIDE, linewidth=0.5, zorder=0.5)
    shown = view.share * side
    sheet.image(x + view.start * side, y + view.start * side, shown, shown, values, colours)


def _outline(sheet: Sheet, x: float, y: float, side: float, view: Seen) -> None:
    if not view.mask.any():
        return
    # Padded, so that a defect at the border is closed there.
    steps = [view.start * side + (np.arange(-1, n + 1) + 0.5) * view.share * side / n for n in view.mask.shape]
    for colour, width in (("black", 1.3), (OUTLINE, 0.7)):
        look = {"levels": [0.5], "colors": colour, "linewidths": width, "zorder": 2}
        sheet.axes.contour(x + steps[1], y + steps[0], np.pad(view.mask, 1).astype(float), **look)


def _colour_bar(sheet: Sheet, x: float, y: float, height: float) -> None:
    sheet.image(x, y, 0.28, height, np.linspace(1, 0, 256)[:, None], MAP_COLOURS)
    for value, label in ((0, "0"), (0.5, "0.5: threshold"), (1, "1")):
        turned = {"rotation": 90} if value == 0.5 else {}
        sheet.text(x + 0.42, y + (1 - value) * height, label, height, ha="left", va="center", **turned)
    sheet.text(x + 0.95, y + height / 2, "normalised anomaly map", height, ha="left", va="center", rotation=90)
    sheet.axes.plot([x, x + 0.36], [y + height / 2] * 2, color="white", linewidth=0.8, zorder=3)


def similarity(folder: RunFolder, results: Results, variant: str, category: str) -> Iterator[Picture]:
    """A sheet for each query shown of a cell: what the published feature and the patch embedding find for it."""
    found = results.retrieval.get(Cell(variant, category, results.seeds(variant)[0]).key)
    if found is None:
        return
    photograph = _photographs(folder, results)
    for number, query in enumerate(found.published.queries, 1):
        same = [other for other in found.patch_embedding.queries if other.image == query.image]
        rows = {"published feature": query} | dict(zip(["patch embedding"], same, strict=False))
        said = []
        for feature, asked in rows.items():
            hits = [f"{hit.defect} {hit.score:.4f}" + _itself(hit.image, query.image, " ({})") for hit in asked.hits]
            said.append(f"by {feature} {', '.join(hits) or 'none'}")
        alt = f"{results.names[variant]}, query {query.image} ({query.defect}), and its hits: {'; '.join(said)}."
        file = _file("similar", variant, category, str(number), suffix="jpg")
        about = {"variant": variant, "category": category, "query": query.image}
        yield FigureRecord(file=file, kind="similarity", alt=alt, **about), _similarity_sheet(photograph, rows)


def _similarity_sheet(photograph: Photograph, rows: dict[str, QueryRecord]) -> Sheet:
    label, gap, apart, caption = 0.5, 0.18, 0.3, 1.3
    most = max(1, *(len(query.hits) for query in rows.values()), 1)
    side = min((WIDTH - label - apart) / (most + 1) - gap, 3.0)
    sheet = Sheet(0.1 + len(rows) * (side + caption) + 0.55)
    used: set[tuple[str, str, Any]] = set()
    for row, (feature, query) in enumerate(rows.items()):
        y = 0.1 + row * (side + caption)
        sheet.text(0.25, y + side / 2, feature, side + 0.8, 8, rotation=90, va="center")
        shown: list[tuple[str, str, str, tuple[str, str, Any]]] = [
            ("query", query.defect, query.image, ("", "black", "-"))
        ]
        shown += [
            (f"{hit.rank}:  {hit.score:.4f}", hit.defect, hit.image, _relation(hit.defect, query.defect))
            for hit in query.hits
        ]
        used.update(relation for *_, relation in shown[1:])
        for column, (first, defect, image, (_, colour, style)) in enumerate(shown):
            x = label + column * (side + gap) + apart * (column > 0)
            sheet.image(x, y, side, side, photograph(image))
            sheet.square(x, y, side, "white", linewidth=2.6)
            sheet.square(x, y, side, colour, linewidth=2.2, linestyle=style, joinstyle="miter", capstyle="butt")
            last = (_itself(image, query.image) if column else "") or image.rsplit("/", 1)[-1]
            for line, text in enumerate((first, defect, last)):
                weight = "bold" if text in ("query", _itself(image, query.image)) and line != 1 else "normal"
                sheet.text(x + side / 2, y + side + 0.12 + 0.34 * line, text, side, weight=weight)
    relations = [relation for relation in (SAME_DEFECT, SAME_LABEL, OTHER_LABEL) if relation in used]
    sheet.legend(
        sheet.height - 0.25,
        [Line2D([], [], color=colour, linewidth=2.2, linestyle=style, label=name) for name, colour, style in relations],
    )
    return sheet


def _relation(defect: str, asked: str) -> tuple[str, str, Any]:
    if defect == asked:
        return SAME_DEFECT
    return OTHER_LABEL if GOOD in (defect, asked) else SAME_LABEL


def _itself(image: str, query: str, form: str = "{}") -> str:
    return form.format("the query itself") if image == query else ""


def _photographs(folder: RunFolder, results: Results) -> Photograph:
    """How to get the images as the models are shown them: resized, before any crop."""
    root = Path(read_json(folder.data_root, mend=MEND)["root"])
    side = results.study.image_size

    def photograph(name: str) -> Image.Image:
        try:
            with Image.open(root / name) as image:
                return image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ReproError(reason, where=root / name, mend="restore the image, or run the study again") from None

    return photograph


def _file(*parts: str, suffix: str) -> str:
    """A name for a picture of lower-case letters, digits and `-`."""
    plain = unicodedata.normalize("NFKD", "-".join(parts)).encode("ascii", "ignore").decode().lower()
    return f"{re.sub('[^a-z0-9]+', '-', plain).strip('-')[:120]}.{suffix}"


def _free(file: str, taken: set[str]) -> str:
    stem, suffix = file.rsplit(".", 1)
    numbered = (f"{stem}-{number}.{suffix}" for number in range(2, len(taken) + 3))
    return file if file not in taken else next(one for one in numbered if one not in taken)
