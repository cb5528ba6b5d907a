"""The machine and its software: processor, versions and commit, for environment.json."""

import platform
import subprocess
from collections.abc import Collection, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from repro.records.base import SCHEMA_VERSION
from repro.records.environment import Environment
from repro.records.results import Results
from repro.records.training import FitRecord
from repro.runs import RunFolder

#: Packages that decide a number or the look of the paper.
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


def environment(folder: RunFolder, results: Results, fits: Collection[FitRecord]) -> Environment:
    """Describe the software and the machine behind results, of the trainings `fits`."""
    return Environment(
        schema_version=SCHEMA_VERSION,
        commit=commit(folder.root),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        processor=processor(),
        devices=tuple(sorted({fit.device for fit in fits})),
        threads=max((fit.threads for fit in fits), default=1),
        packages=_packages(fits),
        data_fingerprint=results.data.fingerprint,
        weights={
            f"{name} {role}": record.sha256
            for name, variant in results.variants.items()
            for role, record in variant.weights.items()
            if record.sha256 is not None
        },
    )


def commit(root: Path) -> str:
    """Read the short commit of a clone; `+changes` where files outside report/ differ, `unknown` where it is none."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()

    if not (root / "src" / "repro" / "machine.py").is_file():
        # An installed package may work inside another repository.
        return "unknown"
    try:
        changes = git("status", "--porcelain", "--", ".", ":(exclude)report")
        return git("rev-parse", "--short=10", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Look up the versions of the packages that are installed."""
    installed = {}
    for name in packages:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def _packages(fits: Collection[FitRecord]) -> dict[str, str]:
    """Versions at the time of training of the packages that trained the cells, present versions of the others."""
    trained: dict[str, set[str]] = {}
    for fit in fits:
        for name, used in fit.packages.items():
            trained.setdefault(name, set()).add(used)
    return versions(PACKAGES) | {name: " and ".join(sorted(used)) for name, used in trained.items()}


#: Vector instructions, widest first, by cpuinfo flag; processors of one name may differ in them and then in rounding.
WIDEST = {"avx512f": "AVX-512", "avx2": "AVX2"}


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name the processor and its widest vector instructions; `unknown` where the system does not say."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = fields.get("flags", "").split()
    name = fields.get("model name", "unknown")
    return ", ".join([name, *[word for flag, word in WIDEST.items() if flag in flags][:1]])
