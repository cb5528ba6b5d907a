"""Few-shot: the study's result images in, a small data set of real images in MVTec AD layout out.

The panels show the official test images at 256 pixels, with their masks. Two of three normal ones train, the third
tests, as does every anomalous one: few-shot numbers, comparable with no table of the full data set.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from repro.data.layout import GOOD
from repro.errors import ReproError
from repro.panels.originals import FOLDERS, originals_of
from repro.panels.panel import Panel
from repro.panels.sets import collect, recover_set
from repro.progress import Progress
from repro.runs import writing

#: The model whose panels show whole images; PatchCore's masks are those of a crop.
MODEL = FOLDERS["efficientad"]
#: Of this many normal images the last tests.
EVERY = 3


def build(panels: Path, target: Path, categories: Sequence[str]) -> None:
    """Write images and masks of each category below `target`, 256 x 256 PNG; files that are there are replaced.

    Raises ReproError where `panels` holds no result images, DataError with every one that cannot be read.
    """
    if not panels.is_dir():
        hint = "run `nox -s fetch -- published`, or name the folder with --panels"
        raise ReproError("no such folder", where=panels, hint=hint)
    for category in categories:
        if not originals_of(MODEL, category):
            raise ReproError(f"the study published no image of {category}", where="--categories", hint="leave it out")
    for category in categories:
        total = len(originals_of(MODEL, category))
        progress = Progress(f"build {category}", "images")
        outcomes = []
        for number, outcome in enumerate(recover_set(panels, MODEL, category), 1):
            outcomes.append(outcome)
            progress(min(number, total), total)
        recovered = collect(MODEL, category, outcomes)
        recovered.raise_problems(panels)
        for path, pixels in _files(recovered.panels):
            with writing(target / path) as beside:
                Image.fromarray(pixels).save(beside)
        print(f"{target / category}: {total} images", flush=True)


def _files(panels: Sequence[Panel]) -> Iterator[tuple[str, np.ndarray]]:
    """Name and pixels of each image and mask."""
    good = 0
    for panel in panels:
        category, _, defect, file = panel.name.split("/")
        if defect == GOOD:
            good += 1
            yield f"{category}/{'test' if good % EVERY == 0 else 'train'}/{GOOD}/{file}", panel.image
        else:
            yield panel.name, panel.image
            mask = file.replace(".png", "_mask.png")
            yield f"{category}/ground_truth/{defect}/{mask}", panel.mask.astype(np.uint8) * 255
