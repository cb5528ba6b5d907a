"""Published: the study's result images from its repository, each proved by its SHA-256, or from a local copy."""

import sys
from pathlib import Path

from repro.errors import ReproError
from repro.fetch import transfer
from repro.fetch.sources import Source
from repro.panels.originals import COMMIT, REPOSITORY, Original, check, originals
from repro.panels.panel import open_figure
from repro.panels.sets import ENDINGS, set_folder
from repro.progress import Progress
from repro.runs import link_or_copy

NAME = "published"
LICENCE = "shows images of MVTec AD, CC BY-NC-SA 4.0, not for commercial use"


def fetch_published(folder: Path, given: Path | None = None, patience: transfer.Patience | None = None) -> None:
    """Bring all 638 result images to `folder`; what is there already is proved and left alone.

    `given` is a folder with the original PNG files or lossless copies of the same pixels, in the folders of the
    repository or MODEL/CATEGORY/DEFECT. An interrupted download resumes. Raises ReproError for the first image that
    cannot be had or is another; the others are brought all the same.
    """
    print(f"fetch {NAME}: {LICENCE}", flush=True)
    progress = Progress(f"fetch {NAME}", "images")
    failed: list[ReproError] = []
    wanted = originals()
    for number, original in enumerate(wanted, 1):
        try:
            if not _is_there(folder, original):
                if given is not None:
                    _take(folder, original, given)
                else:
                    transfer.obtain(_source(original), _place(folder, original), patience or transfer.Patience())
        except ReproError as error:
            failed.append(error)
            # Where the first image has no address, the others have none either.
            if given is None and number == 1:
                break
        progress(number, len(wanted))
    for another in failed[1:4]:
        print(f"error: {another}", file=sys.stderr)
    if len(failed) > 4:
        print(f"error: and {len(failed) - 4} more", file=sys.stderr)
    if failed:
        raise failed[0]
    print(f"fetch {NAME}: {len(wanted)} result images, verified, in {folder}", flush=True)


def _is_there(folder: Path, original: Original) -> bool:
    place = _place(folder, original)
    paths = [path for ending in ENDINGS if (path := place.with_suffix(ending)).is_file()]
    for path in paths:
        check(path, open_figure(path), original)
    return bool(paths)


def _take(folder: Path, original: Original, given: Path) -> None:
    """Link or copy an image from a local folder, proved first."""
    place = set_folder(given, original.model, original.category) / original.defect / f"{original.number}.png"
    path = next((path for ending in ENDINGS if (path := place.with_suffix(ending)).is_file()), None)
    if path is None:
        raise ReproError("no such file", where=place, hint="name a folder with all of the study's result images")
    check(path, open_figure(path), original)
    link_or_copy(path, _place(folder, original).with_suffix(path.suffix))


def _place(folder: Path, original: Original) -> Path:
    return folder / original.model / original.category / original.defect / f"{original.number}.png"


def _source(original: Original) -> Source:
    return Source(
        name=NAME,
        title=original.name,
        file=f"{original.number}.png",
        bytes=original.size,
        sha256=original.sha256,
        known_from="the study's repository",
        licence=LICENCE,
        page=REPOSITORY,
        urls=(f"https://raw.githubusercontent.com/{REPOSITORY.split('github.com/')[1]}/{COMMIT}/{original.path}",),
    )
