"""Install verified files and folders where anomalib or timm looks for them, and verify what is installed."""

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

#: Number of images of Imagenette 2, by split. Source: the data set card of frgfm/imagenette.
IMAGENETTE_IMAGES = {"train": 9469, "val": 3925}


def is_installed(source: Source, folder: Path) -> bool:
    """Whether the source is completely installed in `folder`; ReproError if something else is there.

    Every image, mask and count of MVTec AD is checked as before training, images of Imagenette are counted, weights
    are hashed.
    """
    again = f"away and run `nox -s fetch -- {source.name}`"
    if source.hub:
        file = folder / "snapshots" / source.hub.revision / source.file
        if not file.is_file():
            return False
        _check_hash(file, source.sha256, f"move it {again}")
        return True
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    if source.name == "mvtec":
        complete = all((folder / category).is_dir() for category in official.OFFICIAL)
        if complete:
            _check_official(folder, list(official.OFFICIAL))
        return complete
    if source.name == "imagenette":
        counts = {split: len(list(folder.glob(f"imagenette2/{split}/*/*.JPEG"))) for split in IMAGENETTE_IMAGES}
        if counts != IMAGENETTE_IMAGES:
            raise ReproError(f"holds {counts} images, not {IMAGENETTE_IMAGES}", where=folder, hint=f"move it {again}")
    for name, digest in source.content.items():
        if not (folder / name).is_file():
            raise ReproError("is missing", where=folder / name, hint=f"move its folder {again}")
        _check_hash(folder / name, digest, f"move its folder {again}")
    return True


def install(source: Source, file: Path, folder: Path) -> None:
    """Install the content of the verified `file` in `folder`, all or nothing; ReproError if that fails."""
    if source.hub:
        _install_in_hub(source, file, folder)
    elif source.name == "mvtec":
        install_categories(file, folder, verified=True)
    else:
        with scratch(folder) as unpacked:
            unpack(file, unpacked, _progress(f"unpack {source.file}"))
            # The archive of the teachers has a top folder, that of Imagenette goes into one, as with anomalib.
            content = unpacked / folder.name if source.name == "teacher" else unpacked
            _check_content(source, content)
            content.replace(folder)


def install_categories(local: Path, root: Path, *, verified: bool = False) -> list[str]:
    """Install the categories of MVTec AD in an archive or folder below `root` and return their names.

    Those of a folder are hard links if the file system has them, else copies, so that the folder may be deleted.
    Unless the hash of the archive is `verified`, the categories must be official by the checks before training.
    Existing categories are left alone. Raises ReproError if there is no category.
    """
    with scratch(root) as unpacked:
        if local.is_dir():
            present = categories(local)
        else:
            unpack(local, unpacked, _progress(f"unpack {local.name}"))
            present = categories(unpacked)
        if not present:
            raise ReproError(
                "holds no category of MVTec AD",
                where=local,
                hint="name MVTec AD's archive, that of a category, or a folder with a category's train/good in it",
            )
        new = {name: path for name, path in present.items() if not (root / name).exists()}
        if not verified:
            for name, path in new.items():
                _check_official(path.parent, [name])
        if local.is_dir():
            for name, path in new.items():
                new[name] = Path(shutil.copytree(path, unpacked / name, copy_function=link_or_copy))
        root.mkdir(parents=True, exist_ok=True)
        for name, path in new.items():
            path.replace(root / name)
    return list(new)


def categories(folder: Path) -> dict[str, Path]:
    """Find the categories of MVTec AD, folders of their name with training images, up to two levels down."""
    levels = [folder, *folder.glob("*/"), *folder.glob("*/*/")]
    return {path.name: path for path in levels if path.name in official.OFFICIAL and (path / "train" / "good").is_dir()}


def _check_official(root: Path, names: list[str]) -> None:
    manifests = checks.examine(root, names, Progress(f"check {root.name}", "images"))
    for name, manifest in manifests.items():
        if not checks.is_official({name: CategoryRecord.model_validate(manifest["record"])}):
            raise ReproError(
                "does not have the official numbers and sizes of images",
                where=root / name,
                hint="move it away and run the same command again, or use it unchanged with `--data-root`",
            )


def _check_hash(file: Path, digest: str, hint: str) -> None:
    if sha256(file) != digest:
        raise ReproError(f"its SHA-256 is not {digest}", where=file, hint=hint)


def _check_content(source: Source, folder: Path) -> None:
    for name, digest in source.content.items():
        if not (folder / name).is_file() or sha256(folder / name) != digest:
            raise ReproError(
                f"holds no {name} with SHA-256 {digest}", where=source.file, hint="report it to the maintainers"
            )


def _install_in_hub(source: Source, file: Path, folder: Path) -> None:
    """Arrange the file as huggingface_hub does: a blob named by its hash, a snapshot that links to it, and `main`.

    A `main` with such a file is left alone: it may be a newer one of the user.
    """
    assert source.hub is not None
    blob = source.path(folder)
    blob.parent.mkdir(parents=True, exist_ok=True)
    if file != blob:
        with writing(blob) as temporary:
            shutil.copyfile(file, temporary)
    snapshot = folder / "snapshots" / source.hub.revision / source.file
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    snapshot.unlink(missing_ok=True)
    try:
        snapshot.symlink_to(Path(os.path.relpath(blob, snapshot.parent)))
    except OSError:  # Windows without the privilege to create links
        link_or_copy(blob, snapshot)
    main = folder / "refs" / "main"
    if not main.is_file() or not (folder / "snapshots" / main.read_text().strip() / source.file).is_file():
        # No final line break: huggingface_hub takes all of the file for the revision.
        write_text(main, source.hub.revision)


def _progress(what: str) -> Callable[[int, int], None]:
    progress = Progress(what, "MB")
    return lambda done, total: progress(done // 10**6, total // 10**6)
