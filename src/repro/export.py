"""Export: a finished study in, a folder for third parties out.

Layout: `ro-crate-metadata.json` (Process Run Crate), `codecheck.yml`, `report/`, `tables/*.csv` and, as MVTec's
evaluator reads them, `<variant>-seedN/anomaly_maps/<category>/test/<defect>/<image>.tiff`, float32.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from repro import __version__
from repro.errors import ReproError
from repro.paper.inputs import Inputs, read_inputs
from repro.paper.table import all_tables
from repro.records.predictions import load
from repro.runs import Cell, RunFolder, read_root, write_text

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
REPOSITORY = "https://github.com/HanwenLiao/eng-ai-agents-hw"
LICENCE = "https://spdx.org/licenses/Apache-2.0"
RESULTS = ("results.json", "verdicts.json", "guards.json", "environment.json", "timings.json")
PAPERS = ("paper.md", "paper.pdf", "paper.html")
#: Media types by suffix.
ENCODINGS = {
    ".json": "application/json",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".html": "text/html",
    ".yml": "application/yaml",
}
#: Descriptions of the exported files, for the crate and the CODECHECK manifest.
DESCRIPTIONS = {
    "results.json": "Measurements",
    "verdicts.json": "Verdicts on the published claims",
    "guards.json": "Assertions on the results",
    "environment.json": "Software, machine and fingerprints",
    "timings.json": "Seconds and memory of each stage",
    "paper.md": "The paper as Markdown",
    "paper.pdf": "The paper as PDF",
    "paper.html": "The paper as one page",
}


def export(folder: RunFolder, target: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Export a study whose stages and paper are finished into a new folder.

    Raises ReproError where the target is not empty, or where predictions, images or a file of the report are missing;
    the target is then unchanged.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ReproError("is not an empty folder", where=target, hint="name one that does not exist")
    inputs = read_inputs(folder.report)
    for name in (*RESULTS, *PAPERS):
        if not (folder.report / name).is_file():
            raise ReproError("no such file", where=folder.report / name, hint="run `nox -s reproduce`")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        shutil.copytree(folder.report, temporary / "report")
        for name, text in all_tables(inputs).items():
            write_text(temporary / "tables" / name, text)
        keys = list(inputs.results.cells)
        for number, key in enumerate(keys, 1):
            _write_maps(folder, inputs, Cell.from_key(key), temporary)
            if progress:
                progress(number, len(keys))
        write_text(temporary / "codecheck.yml", codecheck(inputs))
        _write_crate(temporary, inputs)
        temporary.chmod(0o755)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_maps(folder: RunFolder, inputs: Inputs, cell: Cell, target: Path) -> None:
    path = folder.cell(cell) / "predictions.npz"
    predictions = load(path)
    root = read_root(folder, hint="run `nox -s evaluate` to make it")
    side = inputs.results.study.image_size
    crop = inputs.results.variants[cell.variant].settings.get("center_crop") or side
    lowest = float(predictions.maps.min())
    for name, values in zip(predictions.images, predictions.maps, strict=True):
        try:
            with Image.open(root / str(name)) as image:
                size = image.size
        except OSError as error:
            raise ReproError(str(error), where=root / str(name), hint="restore the image") from None
        category, *rest = str(name).split("/")
        file = target / f"{cell.variant}-seed{cell.seed}" / "anomaly_maps" / category / Path(*rest).with_suffix(".tiff")
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(uncropped(values, size, int(crop) / int(side), lowest)).save(file)


def uncropped(values: NDArray[np.float32], size: tuple[int, int], share: float, fill: float) -> NDArray[np.float32]:
    """A map `[H, W]` resized to its image of `size` (width, height).

    The map shows a centre crop whose sides are `share` of the image's; outside it the result is `fill`.
    """
    width, height = size
    crop = (round(width * share), round(height * share))
    left, top = round((width - crop[0]) / 2), round((height - crop[1]) / 2)
    result = np.full((height, width), fill, np.float32)
    resized = Image.fromarray(values).resize(crop, Image.Resampling.BILINEAR)
    result[top : top + crop[1], left : left + crop[0]] = np.asarray(resized)
    return result


def codecheck(inputs: Inputs) -> str:
    """The configuration file of CODECHECK, version 1.0; the checker adds name, time and certificate."""
    study = inputs.results.study
    lines = [
        "version: https://codecheck.org.uk/spec/config/1.0/",
        "paper:",
        f"  title: {_quoted(study.title)}",
        "  authors:",
        f"    - name: {_quoted('The repro maintainers')}",
        f"  reference: {REPOSITORY}",
        "manifest:",
    ]
    for name in ("results.json", "verdicts.json", "paper.pdf"):
        lines += [f"  - file: report/{name}", f"    comment: {_quoted(DESCRIPTIONS[name])}"]
    lines += ["  - file: tables", f"    comment: {_quoted('Every table of the paper, as CSV')}"]
    summary = f"Rebuilt from commit {inputs.environment.commit} by: nox -s reproduce -- --study {study.name}"
    return "\n".join([*lines, f"summary: {_quoted(summary)}", ""])


def _quoted(text: str) -> str:
    # A JSON string is a YAML string.
    return json.dumps(text, ensure_ascii=False)


def _write_crate(folder: Path, inputs: Inputs) -> None:
    """Describe the folder as a Process Run Crate: one run of the workflow with its inputs and results."""
    # The version that the profile is built on.
    crate = ROCrate(version="1.1")
    study, data = inputs.results.study, inputs.results.data
    crate.name = f"{study.title} (study {study.name})"
    crate.description = "A reproduction of a published study on visual anomaly detection, with its results."
    crate.root_dataset["license"] = _entity(crate, LICENCE, "CreativeWork", name="Apache License 2.0", url=LICENCE)
    # Finished with its paper; the folder's own times are those of the export.
    ended = datetime.fromtimestamp((folder / "report" / "paper.html").stat().st_mtime, UTC).isoformat(
        timespec="seconds"
    )
    maintainers = _entity(crate, "#maintainers", "Organization", name="The repro maintainers", url=REPOSITORY)
    crate.root_dataset["author"] = crate.root_dataset["publisher"] = maintainers
    crate.root_dataset["datePublished"] = ended
    profile = _entity(crate, PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")
    crate.root_dataset["conformsTo"] = profile
    software = _entity(
        crate,
        "#repro",
        "SoftwareApplication",
        name="repro",
        url=REPOSITORY,
        softwareVersion=f"{__version__}, commit {inputs.environment.commit}",
        softwareRequirements=[f"{name} {version}" for name, version in inputs.environment.packages.items()],
    )
    images = _entity(crate, "#images", "Dataset", name=data.name, identifier=f"sha256:{data.fingerprint}")
    parameter = _entity(crate, "#study", "PropertyValue", name="study", value=study.name, identifier=study.fingerprint)
    files: list[Any] = [_file(crate, folder, f"report/{name}", DESCRIPTIONS[name]) for name in (*RESULTS, *PAPERS)]
    files.append(_file(crate, folder, "codecheck.yml", "CODECHECK manifest"))
    names = {"report/figures": "Figures of the paper", "tables": "Tables of the paper as CSV"}
    names |= {part.name: f"Anomaly maps of {part.name}, float32 TIFF" for part in _map_folders(folder)}
    files += [crate.add_dataset(folder / name, f"{name}/", properties={"name": text}) for name, text in names.items()]
    action = _entity(
        crate,
        "#run",
        "CreateAction",
        name=f"repro reproduce --study {study.name}",
        agent=maintainers,
        endTime=ended,
        instrument=software,
        object=[images, parameter],
        result=files,
        description=f"On {', '.join(inputs.environment.devices)} ({inputs.environment.processor})",
    )
    crate.root_dataset["mentions"] = action
    crate.metadata.write(folder)


def _file(crate: ROCrate, folder: Path, name: str, title: str) -> Any:
    kind = ENCODINGS[Path(name).suffix]
    return crate.add_file(folder / name, name, properties={"name": title, "encodingFormat": kind})


def _map_folders(folder: Path) -> Iterable[Path]:
    return sorted(path.parent for path in folder.glob("*/anomaly_maps"))


def _entity(crate: ROCrate, at: str, kind: str, **properties: Any) -> Any:
    return crate.add(ContextEntity(crate, at, properties={"@type": kind, **properties}))
