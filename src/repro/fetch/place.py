"""Place: a verified file or folder in, its content where anomalib or timm looks for it out; and whether it is there."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from repro.data import checks, official
from repro.errors import ReproError
from repro.fetch.sources import Source
from repro.fetch.unpack import scratch, unpack
from repro.progress import Progress
from repro.records.results import CategoryRecord
from repro.runs import link_or_copy, sha256, write_text, writing

#: Images of Imagenette 2, for training and validation. Source: the card of the data set frgfm/imagenette.
IMAGENETTE_IMAGES = {"train": 9469, "val": 3925}


def there(source: Source, folder: Path) -> bool:
    """Whether it is there whole; ReproError where something else is in its place.

    MVTec AD is checked as before training, each image, mask and count; of Imagenette the images are counted; weights
    are hashed.
    """
    again = f"away and run `nox -s fetch -- {source.name}`"
    if source.hub:
        file = folder / "snapshots" / source.hub.revision / source.file
        return file.is_file() and _hashed(file, source.sha256, f"move it {again}")
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    if source.name == "mvtec":
        missing = [category for category in official.OFFICIAL if not (folder / category).is_dir()]
        if not missing:
            _official(folder, list(official.OFFICIAL))
        return not missing
    if source.name == "imagenette":
        counts = {split: len(list(folder.glob(f"imagenette2/{split}/*/*.JPEG"))) for split in IMAGENETTE_IMAGES}
        if counts != IMAGENETTE_IMAGES:
            raise ReproError(f"holds {counts} images, not {IMAGENETTE_IMAGES}", where=folder, hint=f"move it {again}")
    for name, digest in source.content.items():
        if not (folder / name).is_file():
            raise ReproError("is missing", where=folder / name, hint=f"move its folder {again}")
        _hashed(folder / name, digest, f"move its folder {again}")
    return True


def put(source: Source, file: Path, folder: Path) -> None:
    """Put what the verified `file` holds into `folder`; ReproError, and nothing there, where that fails midway."""
    if source.hub:
        _into_hub(source, file, folder)
    elif source.name == "mvtec":
        put_categories(file, folder, official=True)
    else:
        with scratch(folder) as made:
            unpack(file, made, _progress(f"unpack {source.file}"))
            # anomalib unpacks Imagenette into a folder, and lets the teachers bring their own.
            whole = made / folder.name if source.name == "teacher" else made
            _sound_teachers(source, whole)
            whole.replace(folder)


def put_categories(given: Path, root: Path, *, official: bool = False) -> list[str]:
    """Put the categories of MVTec AD that an archive or folder holds below `root`; their names.

    From a folder they come as hard links where the file system can, else as copies: nothing is lost when it goes.
    `official` says that the archive is proved by its hash; all else must be official by the checks before training.
    Categories that are there already stay as they are. Raises ReproError where there is none to put.
    """
    with scratch(root) as made:
        if given.is_dir():
            found = categories(given)
        else:
            unpack(given, made, _progress(f"unpack {given.name}"))
            found = categories(made)
        new = {name: path for name, path in found.items() if not (root / name).exists()}
        if not found:
            raise ReproError(
                "holds no category of MVTec AD",
                where=given,
                hint="name MVTec AD's archive, that of a category, or a folder with a category's train/good in it",
            )
        if not official:
            for name, path in new.items():
                _official(path.parent, [name])
        if given.is_dir():
            for name, path in new.items():
                new[name] = Path(shutil.copytree(path, made / name, copy_function=link_or_copy))
        root.mkdir(parents=True, exist_ok=True)
        for name, path in new.items():
            path.replace(root / name)
    return list(new)


def categories(folder: Path) -> dict[str, Path]:
    """Folders named like a category of MVTec AD and holding its training images: this one, or up to two levels down."""
    levels = [folder, *folder.glob("*/"), *folder.glob("*/*/")]
    return {path.name: path for path in levels if path.name in official.OFFICIAL and (path / "train" / "good").is_dir()}


def _official(root: Path, names: list[str]) -> None:
    manifests = checks.examine(root, names, Progress(f"check {root.name}", "images"))
    for name, manifest in manifests.items():
        if not checks.is_official({name: CategoryRecord.model_validate(manifest["record"])}):
            raise ReproError(
                "has not the official numbers and sizes of images",
                where=root / name,
                hint="move it away and run the same command again, or use it as it is with `--data-root`",
            )


def _hashed(file: Path, digest: str, hint: str) -> bool:
    if sha256(file) != digest:
        raise ReproError(f"its SHA-256 is not {digest}", where=file, hint=hint)
    return True


def _sound_teachers(source: Source, folder: Path) -> None:
    for name, digest in source.content.items():
        if not (folder / name).is_file() or sha256(folder / name) != digest:
            raise ReproError(
                f"holds no {name} of SHA-256 {digest}", where=source.file, hint="report it to the maintainers"
            )


def _into_hub(source: Source, file: Path, folder: Path) -> None:
    """Lay the file out as huggingface_hub does: a blob named by its hash, a snapshot that points at it, and `main`.

    A `main` that has this file already stays: the user may have a newer one.
    """
    assert source.hub is not None
    blob = source.place(folder)
    blob.parent.mkdir(parents=True, exist_ok=True)
    if file != blob:
        with writing(blob) as beside:
            shutil.copyfile(file, beside)
    snapshot = folder / "snapshots" / source.hub.revision / source.file
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    snapshot.unlink(missing_ok=True)
    try:
        snapshot.symlink_to(Path(os.path.relpath(blob, snapshot.parent)))
    except OSError:  # Windows, without the right to make links
        link_or_copy(blob, snapshot)
    main = folder / "refs" / "main"
    if not main.is_file() or not (folder / "snapshots" / main.read_text().strip() / source.file).is_file():
        # huggingface_hub reads the file whole, so without the line end that a text file has.
        write_text(main, source.hub.revision)


def _progress(what: str) -> Callable[[int, int], None]:
    progress = Progress(what, "MB")
    return lambda done, total: progress(done // 10**6, total // 10**6)
