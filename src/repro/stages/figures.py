"""Figures: results.json, verdicts.json, predictions and test images in, the figures of the paper and figures.json out.

Equal data give equal bytes.
"""

from collections.abc import Callable, Iterator

import matplotlib

from repro.errors import ReproError
from repro.paper.figures.claims import claims
from repro.paper.figures.contact_sheet import contact_sheet
from repro.paper.figures.heat_maps import heat_maps, overview
from repro.paper.figures.images import image_loader
from repro.paper.figures.pipeline import pipeline
from repro.paper.figures.plots import curves, distributions, growth, leak_dots, metric_dots
from repro.paper.figures.receptive_field import receptive_field, receptive_table
from repro.paper.figures.sheet import STYLE, Picture, unique_name
from repro.paper.figures.similarity import similarity
from repro.paper.scope import shown_categories
from repro.records.costs import Bench
from repro.records.figures import Figures
from repro.records.results import Results
from repro.records.verdicts import Verdicts
from repro.runs import RunFolder, read_record, write_json

HINT = "run `nox -s evaluate` to make it"


def draw(folder: RunFolder, progress: Callable[[int, int], None] | None = None, only: str | None = None) -> None:
    """Draw a study's figures into the `figures` folder of its report, and list them in figures.json.

    Files there that are no longer drawn are deleted. With `only`, that file alone is drawn and nothing else is
    changed. Raises ReproError where predictions or images are missing, or where no figure has that name.
    """
    results = read_record(folder.report / "results.json", Results, hint=HINT)
    target = folder.report / "figures"
    with matplotlib.rc_context(STYLE):
        pictures = _named(_pictures(folder, results))
        selected = [picture for picture in pictures if only in (None, picture[0].file)]
        if not selected:
            files = ", ".join(record.file for record, _ in pictures)
            raise ReproError("is none of this study's figures", where=str(only), hint=f"choose one of {files}")
        for number, (record, sheet) in enumerate(selected, 1):
            sheet().save(target / record.file)
            if progress:
                progress(number, len(selected))
    if only is not None:
        return
    figures = Figures(schema_version=1, figures=tuple(record for record, _ in pictures))
    write_json(target / "figures.json", figures.model_dump(mode="json"))
    for path in target.iterdir():
        if path.is_file() and path.name not in {"figures.json", *(record.file for record in figures.figures)}:
            path.unlink()


def _pictures(folder: RunFolder, results: Results) -> Iterator[Picture]:
    load_image = image_loader(folder, results)
    shown = shown_categories(results)
    verdicts = read_record(folder.report / "verdicts.json", Verdicts, hint=HINT).verdicts
    yield claims(verdicts)
    yield pipeline()
    yield metric_dots(results)
    if any(cell.sound for cell in results.cells.values()):
        yield leak_dots(results)
    yield distributions(results)
    yield curves(results)
    if results.heat_maps:
        yield overview(folder, results, load_image)
    for category in shown:
        yield from heat_maps(folder, results, category, load_image)
    for variant in results.variants:
        for category in shown:
            yield from similarity(results, variant, category, load_image)
    yield from receptive_field(results, load_image)
    yield from receptive_table(results, verdicts)
    path = folder.report.parent / "bench.json"
    if path.is_file():
        yield growth(read_record(path, Bench, hint="run `nox -s bench`"))
    path = folder.report.parent / "published" / "results.json"
    if path.is_file() and path.parent != folder.report:
        published = read_record(path, Results, hint="run `nox -s evaluate -- --study published`")
        for record, sheet in (distributions(published), curves(published)):
            yield record.model_copy(update={"file": f"published-{record.file}", "kind": "published"}), sheet
    for category in shown:
        yield from contact_sheet(folder, results, category, load_image)


def _named(pictures: Iterator[Picture]) -> list[Picture]:
    """The figures, each with a unique file name."""
    named: dict[str, Picture] = {}
    for record, sheet in pictures:
        file = unique_name(record.file, set(named))
        named[file] = (record.model_copy(update={"file": file}), sheet)
    return list(named.values())
