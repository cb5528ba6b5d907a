"""The machine and its software: processor, versions, commit; environment.json is made of them."""

import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from repro.records.base import SCHEMA_VERSION
from repro.records.environment import Environment
from repro.records.results import DataRecord, Results
from repro.runs import RunFolder

#: What decides a number or the look of the paper; named with its version in environment.json.
PACKAGES = (
    "anomalib",
    "jinja2",
    "lightning",
    "matplotlib",
    "numpy",
    "pillow",
    "pypandoc-binary",
    "qdrant-client",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "snakemake",
    "timm",
    "torch",
    "torchvision",
    "typst",
)


def environment(
    folder: RunFolder, data: DataRecord, checked: Results, fits: Mapping[str, Mapping[str, Any]]
) -> Environment:
    """The software and the machine behind the results."""
    return Environment(
        schema_version=SCHEMA_VERSION,
        commit=commit(folder.root),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        processor=processor(),
        devices=tuple(sorted({fit["device"] for fit in fits.values()})),
        threads=max((fit["threads"] for fit in fits.values()), default=1),
        packages=_packages(fits),
        data_fingerprint=data.fingerprint,
        weights={
            f"{name} {role}": record.sha256
            for name, variant in checked.variants.items()
            for role, record in variant.weights.items()
            if record.sha256 is not None
        },
    )


def commit(root: Path) -> str:
    """Short commit of the project, `+changes` where files outside report/ differ from it, `unknown` outside git."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--", ".", ":(exclude)report")
        return git("rev-parse", "--short=10", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _packages(fits: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Versions: of what trained the cells those of then, of the rest those of now."""
    found = versions(PACKAGES)
    trained: dict[str, set[str]] = {}
    for fit in fits.values():
        for name, used in fit["packages"].items():
            trained.setdefault(name, set()).add(used)
    return found | {name: " and ".join(sorted(used)) for name, used in trained.items()}


#: Instructions by which processors of one name compute in another order, widest first, and their flags.
WIDEST = {"avx512f": "AVX-512", "avx2": "AVX2"}


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the processor, as far as the system says, and its widest vector instructions."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = fields.get("flags", "").split()
    name = fields.get("model name", "unknown")
    return ", ".join([name, *[word for flag, word in WIDEST.items() if flag in flags][:1]])
