"""Fetch the published study's result images from its repository or a local copy, each verified by its SHA-256."""

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


def fetch_published(folder: Path, local: Path | None = None, retry: transfer.Retry | None = None) -> None:
    """Fetch all 638 result images into `folder`; existing ones are verified and left alone.

    `local` is a folder with the original PNG files or lossless copies of the same pixels, in the folders of the
    repository or MODEL/CATEGORY/DEFECT. An interrupted download resumes. Raises ReproError for the first image that is
    unavailable or differs; all others are fetched nevertheless.
    """
    print(f"fetch {NAME}: {LICENCE}", flush=True)
    progress = Progress(f"fetch {NAME}", "images")
    errors: list[ReproError] = []
    images = originals()
    for number, original in enumerate(images, 1):
        try:
            if not _is_installed(folder, original):
                if local is not None:
                    _copy(folder, original, local)
                else:
                    transfer.download(_source(original), _path(folder, original), retry or transfer.Retry())
        except ReproError as error:
            errors.append(error)
            # If the first image cannot be downloaded, neither can the others.
            if local is None and number == 1:
                break
        progress(number, len(images))
    for other in errors[1:4]:
        print(f"error: {other}", file=sys.stderr)
    if len(errors) > 4:
        print(f"error: and {len(errors) - 4} more", file=sys.stderr)
    if errors:
        raise errors[0]
    print(f"fetch {NAME}: {len(images)} result images, verified, in {folder}", flush=True)


def _is_installed(folder: Path, original: Original) -> bool:
    expected = _path(folder, original)
    paths = [path for ending in ENDINGS if (path := expected.with_suffix(ending)).is_file()]
    for path in paths:
        check(path, open_figure(path), original)
    return bool(paths)


def _copy(folder: Path, original: Original, local: Path) -> None:
    """Verify an image of a local folder and link or copy it."""
    expected = set_folder(local, original.model, original.category) / original.defect / f"{original.number}.png"
    path = next((path for ending in ENDINGS if (path := expected.with_suffix(ending)).is_file()), None)
    if path is None:
        raise ReproError("no such file", where=expected, hint="name a folder with all of the study's result images")
    check(path, open_figure(path), original)
    link_or_copy(path, _path(folder, original).with_suffix(path.suffix))


def _path(folder: Path, original: Original) -> Path:
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
