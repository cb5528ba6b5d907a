"""Data: a study's images drawn or found, checked, and their manifests written, before anything trains."""

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from repro.data import checks
from repro.data.layout import Layout
from repro.data.official import OFFICIAL
from repro.errors import DataError, ReproError
from repro.fetch.sources import ORIGINALS_ROOT
from repro.hashes import place, recording
from repro.panels.originals import FOLDERS, originals_of
from repro.panels.sets import set_folder
from repro.pipeline import BY_NAME, Job
from repro.progress import Progress
from repro.records.results import CategoryRecord
from repro.runs import PROJECT_ROOT, RunFolder, fingerprint, read_json, sha256, write_json, write_json_if_changed
from repro.study import ProceduralData, PublishedData, Study


def prepare(folder: RunFolder, study: Study) -> None:
    """Leave a manifest of each category in the run folder; manifests that say the same are not touched.

    Where no file changed its size or time since the last check, nothing is read again. Stand-ins that changed since
    they were drawn are drawn again.
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
            raise ReproError("is not known", where="data root", hint="say where the images are with --data-root")
        root = Path(study.data.root)
        if study.data.layout == "visa":
            names = _arrange(folder, study, root)
            root = folder.arranged_data
    states = folder.run / "states.json"
    seen = _states(root, study.categories)
    kept = [*(folder.manifest(category) for category in study.categories), folder.data_root]
    job = Job(folder, BY_NAME["data"], cells=tuple(study.cells), study=study)
    known = all(path.is_file() for path in [*kept, place(job)])
    if known and states.is_file() and read_json(states, hint="delete it") == seen:
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
            # A user repairs the files that were given, not what was made of them.
            problems = [names.get(path, path) + rest for path, rest in map(_split, error.problems)]
            raise DataError(problems, where=getattr(study.data, "root", root), hint=error.hint) from None
        for category, manifest in manifests.items():
            write_json_if_changed(folder.manifest(category), manifest)
            _warn_of_queries(study, category, manifest["files"])
        write_json_if_changed(folder.data_root, {"root": str(root)})
    write_json(states, seen)


def _list_originals(folder: RunFolder, study: Study, data: PublishedData) -> None:
    """Leave a manifest of the published result images of each category; `recover` proves and reads them."""
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
    """Masks that are probably inverted train and score without an error, and every number on pixels is then wrong."""
    which = "is it inverted?" if count == 1 else f"as {count} masks do; are they inverted?"
    print(f"mask {first}: marks more than half of its image, {which}", file=sys.stderr)


def _warn_of_queries(study: Study, category: str, files: Iterable[str]) -> None:
    """Name queries without a test image before hours of training, not after."""
    there = {file.rsplit(".", 1)[0] for file in files}
    for query in study.queries:
        named, *rest = query.split("/")
        if named == category and "/".join([category, "test", *rest]) not in there:
            print(f"query {query}: no such test image, the first anomalous one is shown instead", file=sys.stderr)


def _draw(folder: RunFolder, study: Study, data: ProceduralData) -> None:
    """Draw the images again where settings, the code that draws them or the drawn files changed."""
    from repro.data import defects, procedural, textures  # scipy's filters: only studies that draw need them

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
    # First the stamp: a drawing that is interrupted is not taken for a whole one.
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
    """The path that a problem begins with, and the rest."""
    path, colon, rest = problem.partition(": ")
    return path, colon + rest


def _arrange(folder: RunFolder, study: Study, root: Path) -> dict[str, str]:
    """Lay a VisA folder out as MVTec AD where its files, its split or the code that does it changed.

    Returns for the path of each file made that of the file it was made from.
    """
    from repro.data import visa

    if not root.is_dir():
        raise ReproError("no such folder", where=root, hint="give --data-root a folder in VisA layout")
    stamp = folder.run / "arranged.json"

    def state() -> dict[str, object]:
        split = root / visa.SPLIT
        recipe = [sha256(Path(visa.__file__)), sha256(split) if split.is_file() else None]
        return {
            "recipe": fingerprint(recipe),
            "from": _states(root, study.categories),
            "files": _states(folder.arranged_data, study.categories),
        }

    if stamp.is_file():
        seen = read_json(stamp, hint="delete it")
        if seen["state"] == state():
            return dict(seen["names"])
    stamp.unlink(missing_ok=True)
    made = visa.arrange(root, folder.arranged_data, study.categories, Progress("arrange data", "images"))
    names = {str(there): str(here) for there, here in made.items()}
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
