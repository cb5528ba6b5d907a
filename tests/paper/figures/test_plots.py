from pathlib import Path

import example_report
import matplotlib
import pytest

from repro.paper.figures.plots import leak_dots, metric_dots
from repro.paper.figures.sheet import STYLE, Picture
from repro.records.results import Results


@pytest.fixture
def results(tmp_path: Path) -> Results:
    folder = example_report.build(tmp_path, categories=("grid", "tile"), seeds=(0, 1))
    return Results.model_validate_json((folder.report / "results.json").read_text(encoding="utf-8"))


def drawn(picture: Picture, folder: Path) -> str:
    record, sheet = picture
    with matplotlib.rc_context(STYLE):
        sheet().save(folder / record.file)
    return (folder / record.file).read_text(encoding="utf-8")


def test_thresholds_have_a_line_for_each_training_and_say_its_values(results: Results, tmp_path: Path) -> None:
    picture = leak_dots(results)
    cells = [cell for cell in results.cells.values() if cell.sound]
    assert cells
    for cell in cells:
        assert f"{cell.raw.image_f1:.3f} / {cell.sound.image_f1:.3f}" in picture[0].alt
    assert drawn(picture, tmp_path) == drawn(leak_dots(results), tmp_path)


def test_metrics_are_drawn_with_their_intervals(results: Results, tmp_path: Path) -> None:
    assert "dots with intervals" in metric_dots(results)[0].alt
    wide = results.model_copy(
        update={
            "cells": {
                key: cell.model_copy(
                    update={"intervals": cell.intervals.model_copy(
                        update={"image_auroc": cell.intervals.image_auroc.model_copy(update={"low": 0.01})}
                    )}
                )
                for key, cell in results.cells.items()
            }
        }
    )  # fmt: skip
    assert drawn(metric_dots(results), tmp_path) != drawn(metric_dots(wide), tmp_path)
