"""Data: draw or find a study's images, check them and write their manifests, before anything trains."""

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from repro.data import checks
from repro.data.layout import Layout
from repro.data.official import OFFICIAL
from repro.errors import DataError, ReproError, visible
from repro.fetch.sources import ORIGINALS_ROOT
from repro.hashes import place, recording
from repro.panels.originals import FOLDERS, originals_of
from repro.panels.sets import set_folder
from repro.pipeline import BY_NAME, Job
from repro.progress import Progress
from repro.records.results import CategoryRecord
from repro.runs import (
    PROJECT_ROOT,
    RunFolder,
    fingerprint,
    read_json,
    sha256,
    write_json,
    write_json_if_changed,
    write_text,
)
from repro.study import ProceduralData, PublishedData, Study


def prepare(folder: RunFolder, study: Study) -> None:
    """Write a manifest of each category to the run folder, unless it is unchanged.

    Images are checked again only where a file changed its size or time. Changed stand-ins are drawn again.
    Raises DataError with every fault of the images.
    """
    if isinstance(study.data, PublishedData):
        _list_originals(folder, study, study.data)
        return
    names: dict[str, str] = {}
    if isinstance(study.data, ProceduralData):
        _draw(folder, study, study.data)
        root = folder.drawn_data
    else:
        if study.data.root is None:
            raise ReproError("is not set", where="data root", hint="give the folder of the images with --data-root")
        root = Path(study.data.root)
        if study.data.layout == "visa":
            names = _arrange(folder, study, root)
            root = folder.arranged_data
        elif names := _convert(folder, study, root):
            root = folder.converted_data
    states = folder.run / "states.json"
    present = _states(root, study.categories)
    outputs = [*(folder.manifest(category) for category in study.categories), folder.data_root]
    job = Job(folder, BY_NAME["data"], cells=tuple(study.cells), study=study)
    complete = all(path.is_file() for path in [*outputs, place(job)])
    if complete and states.is_file() and read_json(states, hint="delete it") == present:
        return
    layout: Layout = "mvtec" if isinstance(study.data, ProceduralData) else study.data.layout
    with recording(job):
        try:
            manifests = checks.examine(
                root,
                study.categories,
                Progress("check data", "images"),
                layout,
                lambda first, count: _warn_of_masks(names.get(str(first), str(first)), count),
            )
        except DataError as error:
            # Name the user's files, not the copies made of them.
            problems = [names.get(path, path) + rest for path, rest in map(_split, error.problems)]
            listed = folder.run / "problems.txt"
            write_text(listed, "".join(f"{visible(problem)}\n" for problem in problems))
            where = getattr(study.data, "root", root)
            raise DataError(problems, where=where, hint=error.hint, listed_in=listed) from None
        for category, manifest in manifests.items():
            write_json_if_changed(folder.manifest(category), manifest)
            _warn_of_queries(study, category, manifest["files"])
        write_json_if_changed(folder.data_root, {"root": str(root)})
    write_json(states, present)


def _list_originals(folder: RunFolder, study: Study, data: PublishedData) -> None:
    """Write a manifest of the published result images of each category; `recover` verifies and reads them."""
    root = Path(data.root) if data.root else PROJECT_ROOT / ORIGINALS_ROOT
    if not root.is_dir():
        hint = "run `nox -s fetch -- published`, or name the folder with --data-root"
        raise ReproError("no such folder", where=root, hint=hint)
    models = [FOLDERS[variant.model] for variant in study.variants.values()]
    for category in study.categories:
        if not originals_of(models[0], category):
            raise ReproError(f"the study published no image of {category}", where="categories", hint="leave it out")
        for model in models:
            set_folder(root, model, category)
    with recording(Job(folder, BY_NAME["data"], cells=tuple(study.cells), study=study)):
        for category in study.categories:
            listed = [original for model in models for original in originals_of(model, category)]
            files = {f"{one.model}/{one.category}/{one.defect}/{one.number}": one.pixels for one in listed}
            record = CategoryRecord(
                train=OFFICIAL[category][0],
                test=dict(sorted(Counter(one.defect for one in originals_of(models[0], category)).items())),
                image_sizes=((OFFICIAL[category][3],) * 2,),
                modes=("RGB",),
                fingerprint=fingerprint(files),
            )
            content = {"files": files, "record": record.model_dump(mode="json")}
            write_json_if_changed(folder.manifest(category), content)
        write_json_if_changed(folder.data_root, {"root": str(root)})


def _warn_of_masks(first: str, count: int) -> None:
    """Warn of masks that are probably inverted: they cause no error, but every pixel metric would be wrong."""
    which = "is it inverted?" if count == 1 else f"as {count} masks do; are they inverted?"
    print(f"mask {first}: marks more than half of its image, {which}", file=sys.stderr)


def _warn_of_queries(study: Study, category: str, files: Iterable[str]) -> None:
    """Warn of queries without a test image before hours of training, not after."""
    names = {file.rsplit(".", 1)[0] for file in files}
    for query in study.queries:
        named, *rest = query.split("/")
        if named == category and "/".join([category, "test", *rest]) not in names:
            print(f"query {query}: no such test image, the first anomalous one is shown instead", file=sys.stderr)


def _draw(folder: RunFolder, study: Study, data: ProceduralData) -> None:
    """Draw the images where the settings, the code that draws them or the drawn files changed."""
    from repro.data import defects, procedural, textures  # imports scipy, which only studies that draw need

    unknown = [category for category in study.categories if category not in procedural.DEFECTS]
    if unknown:
        allowed = ", ".join(procedural.DEFECTS)
        raise ReproError(
            f"no stand-in for {', '.join(unknown)}", where="categories", hint=f"choose from {allowed} or another study"
        )
    recipe = {
        "settings": data.model_dump(),
        "image_size": study.image_size,
        "categories": study.categories,
        "code": [sha256(Path(str(module.__file__))) for module in (defects, procedural, textures)],
    }
    stamp = folder.run / "drawn.json"
    if stamp.is_file() and read_json(stamp, hint="delete it") == _stamp(folder, study, recipe):
        return
    # Delete the stamp first, so that an interrupted drawing is repeated.
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder.drawn_data, ignore_errors=True)
    procedural.generate(
        folder.drawn_data,
        study.categories,
        train=data.train,
        test_good=data.test_good,
        test_defect=data.test_defect,
        seed=data.seed,
        size=study.image_size,
        progress=Progress("draw stand-in images", "images"),
    )
    write_json(stamp, _stamp(folder, study, recipe))


def _split(problem: str) -> tuple[str, str]:
    """Split a problem into the path that it begins with and the rest."""
    path, colon, rest = problem.partition(": ")
    return path, colon + rest


def _arrange(folder: RunFolder, study: Study, root: Path) -> dict[str, str]:
    """Arrange a VisA folder in MVTec AD layout where its files, its split or the code that does it changed.

    Returns the source path of each arranged path. Raises ReproError where the folder does not exist.
    """
    from repro.data import visa

    if not root.is_dir():
        raise ReproError("no such folder", where=root, hint="give --data-root a folder in VisA layout")

    def make() -> dict[Path, Path]:
        return visa.arrange(root, folder.arranged_data, study.categories, Progress("arrange data", "images"))

    split = root / visa.SPLIT
    recipe = [sha256(Path(visa.__file__)), sha256(split) if split.is_file() else None]
    return _copied(folder.run / "arranged.json", study, root, folder.arranged_data, recipe, make)


def _convert(folder: RunFolder, study: Study, root: Path) -> dict[str, str]:
    """Copy a folder whose images are not all PNG files, where its files or the code that does it changed.

    Returns the source path of each file of the copy; empty where none is needed.
    """
    from repro.data import formats

    def make() -> dict[Path, Path]:
        shutil.rmtree(folder.converted_data, ignore_errors=True)
        if not formats.is_needed(root, study.categories):
            return {}
        copied = formats.copy(root, folder.converted_data, study.categories, Progress("read images", "images"))
        if copied.ignored:
            first, count = copied.ignored[0], len(copied.ignored)
            print(f"{root}: {count} file{'s' if count > 1 else ''} ignored that hold no image, first {first}")
        return copied.sources

    recipe = sha256(Path(formats.__file__))
    return _copied(folder.run / "converted.json", study, root, folder.converted_data, recipe, make)


def _copied(
    stamp: Path, study: Study, root: Path, target: Path, recipe: object, make: Callable[[], dict[Path, Path]]
) -> dict[str, str]:
    """Source path of each file of a copy of `root`, which `make` makes where its files or `recipe` changed."""

    def state() -> dict[str, object]:
        return {
            "recipe": fingerprint(recipe),
            "from": _states(root, study.categories),
            "files": _states(target, study.categories),
        }

    if stamp.is_file():
        stamped = read_json(stamp, hint="delete it")
        if stamped["state"] == state():
            return dict(stamped["names"])
    stamp.unlink(missing_ok=True)
    names = {str(copy): str(source) for copy, source in make().items()}
    write_json(stamp, {"state": state(), "names": names})
    return names


def _stamp(folder: RunFolder, study: Study, recipe: object) -> dict[str, object]:
    return {"recipe": fingerprint(recipe), "files": _states(folder.drawn_data, study.categories)}


def _states(root: Path, categories: Sequence[str]) -> dict[str, str]:
    """Fingerprint of names, sizes and times of each category's files."""
    return {category: _state(root / category) for category in categories}


def _state(folder: Path) -> str:
    entries = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    return fingerprint([[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in entries])
