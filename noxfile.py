#!/usr/bin/env -S python -m nox -f
"""The sessions of the project: `nox --list` names them, `nox -s reproduce` is the main one."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from random import randrange

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "tests"]

CONSTRAINTS = "--constraint=constraints.txt"
PROJECT = nox.project.load_toml("pyproject.toml")
GROUPS = PROJECT["dependency-groups"]
EXTRAS = PROJECT["project"]["optional-dependencies"]

# One environment for all that needs torch: it is several gigabytes large. Nox gives each session its own, so these
# sessions have none from Nox and share this one, which none of them changes.
STUDY = Path(".nox") / "study"
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"

# What `nox -s "proof(NAME)"` runs, and the packages that it needs beside the study's.
PROOFS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    # The coreset against anomalib's on 40,000 real patches; ten minutes.
    "coreset": (["pytest", "tests/proofs"], []),
    # The exported crate against its profile; three minutes.
    "crate": (["pytest", "tests/crate"], ["roc-validator>=0.13"]),
    # The smoke study with two threads and with another anomalib; ten minutes.
    "drift": (["python", "benchmarks/drift.py"], []),
    # A folder in VisA layout and a third model through every stage; three minutes.
    "extending": (["pytest", "tests/extending"], []),
    # Kills the smoke study at random moments, lets disk and memory run out; a quarter of an hour.
    "faults": (["pytest", "tests/faults", "-s", "-x"], []),
    # Thousands of bad inputs; the seed is printed.
    "fuzz": (["pytest", "tests/fuzz", "--hypothesis-profile=thorough"], []),
    # The GPU's path: simulated anywhere, for real where there is one; skips say why.
    "gpu": (["pytest", "tests/gpu", "-rs"], []),
    # The wheel in an empty folder: a study runs there; three minutes.
    "installed": (["pytest", "tests/installed"], []),
    # What the Kubernetes profile asks a cluster for; no pod runs.
    "kubernetes": (["pytest", "tests/kubernetes"], EXTRAS["kubernetes"]),
    # Mutants of what decides numbers and verdicts; resumes, takes an hour.
    "mutation": (["mutmut", "run", "--max-children=1"], []),
    # The page in Chromium and the PDF against PDF/UA-1; two minutes. Debian: apt-get install chromium.
    "pages": (["pytest", "tests/pages"], GROUPS["pages"]),
    # Qdrant among all patches of a trained study; minutes to an hour.
    "patches": (["python", "-m", "patch_search"], GROUPS["patches"]),
    # 300 cells with made-up training through the workflow; ten minutes.
    "scale": (["pytest", "tests/scale"], []),
    # The smoke study on a Slurm cluster on this machine, one node lost; ten minutes. apt-get install slurm-wlm munge.
    "slurm": (["pytest", "tests/slurm"], EXTRAS["slurm"]),
}
# Folders of tests that proofs run.
HEAVIER = ("crate", "extending", "faults", "gpu", "installed", "kubernetes", "pages", "proofs", "scale", "slurm")


def run(session: nox.Session, command: str, *arguments: str) -> None:
    """Run a command of the shared environment, installed again where pyproject.toml or constraints.txt changed."""
    wanted = Path("pyproject.toml").read_text(encoding="utf-8") + Path("constraints.txt").read_text(encoding="utf-8")
    installed = STUDY / "installed.txt"
    if not installed.is_file() or installed.read_text(encoding="utf-8") != wanted:
        session.log("installing the study's environment; the first time takes minutes and several gigabytes")
        if not (STUDY / SCRIPTS).is_dir():
            session.run(sys.executable, "-m", "venv", str(STUDY))
        groups = nox.project.dependency_groups(PROJECT, "test")
        session.run(str(STUDY / SCRIPTS / "python"), "-m", "pip", "install", CONSTRAINTS, "-e", ".[study]", *groups)
        installed.write_text(wanted, encoding="utf-8")
    session.run(str(STUDY / SCRIPTS / command), *arguments)


def above(session: nox.Session, name: str, packages: Sequence[str]) -> Path:
    """An environment with some more packages on top of the shared one, which stays as it is; its folder of scripts."""
    run(session, "python", "--version")
    folder = Path(".nox") / f"study-{name}"
    if not (folder / SCRIPTS).is_dir():
        session.run(sys.executable, "-m", "venv", str(folder))
        site = "import sysconfig; print(sysconfig.get_path('purelib'))"
        below, here = (
            session.run(str(one / SCRIPTS / "python"), "-c", site, silent=True).strip() for one in (STUDY, folder)
        )
        Path(here, "study.pth").write_text(f"import site; site.addsitedir({below!r})\n", encoding="utf-8")
    session.run(str(folder / SCRIPTS / "python"), "-m", "pip", "install", "--quiet", CONSTRAINTS, *packages)
    return folder / SCRIPTS


@nox.session(venv_backend="none", tags=["paper"])
def reproduce(session: nox.Session) -> None:
    """Train, evaluate, search, draw and write the paper: report/<study>/paper.pdf."""
    run(session, "repro", "reproduce", *session.posargs)


@nox.session(venv_backend="none", tags=["paper"])
def train(session: nox.Session) -> None:
    """Train the cells of a study that are missing or out of date."""
    run(session, "repro", "reproduce", "--until=train", *session.posargs)


@nox.session(venv_backend="none", tags=["paper"])
def evaluate(session: nox.Session) -> None:
    """Bring results.json and verdicts.json up to date."""
    run(session, "repro", "reproduce", "--until=evaluate", *session.posargs)


@nox.session(venv_backend="none", tags=["paper"])
def figures(session: nox.Session) -> None:
    """Bring the figures up to date."""
    run(session, "repro", "reproduce", "--until=figures", *session.posargs)


@nox.session(tags=["paper"])
def render(session: nox.Session) -> None:
    """Write the paper from the JSON and figures of a report folder; needs no torch."""
    session.install(CONSTRAINTS, "--editable=.")
    session.run("repro", "render", *session.posargs)


@nox.session(venv_backend="none", tags=["paper"])
def ablate(session: nox.Session) -> None:
    """Measure what the weights and a blur change, about half an hour on two cores; every paper shows it."""
    run(session, "repro", "reproduce", "--study=ablation", "--until=evaluate", *session.posargs)


@nox.session(venv_backend="none", tags=["paper"])
def fetch(session: nox.Session) -> None:
    """Bring data sets and weights to their places; nothing else downloads: nox -s fetch -- NAME."""
    run(session, "repro", "fetch", *session.posargs)


@nox.session(venv_backend="none", tags=["paper"])
def repro(session: nox.Session) -> None:
    """Run any command of `repro`, for example: nox -s repro -- view, verify, export FOLDER, --help."""
    run(session, "repro", *session.posargs)


@nox.session(venv_backend="none", tags=["checks"])
def tests(session: nox.Session) -> None:
    """Run the tests, one real end-to-end study among them; `-- --cov` measures branch coverage."""
    # A process a core with one thread each: most tests are short, and many threads on few cores wait for each other.
    session.env["OMP_NUM_THREADS"] = "1"
    side_by_side = ["--numprocesses=auto", "--maxprocesses=4", "-p", "no:benchmark"]
    lighter = [f"--ignore=tests/{folder}" for folder in HEAVIER]
    run(session, "pytest", *side_by_side, *lighter, *session.posargs)


@nox.session(tags=["checks"])
def lint(session: nox.Session) -> None:
    """Lint, check the format and the types."""
    groups = nox.project.dependency_groups(PROJECT, "lint")
    session.install(CONSTRAINTS, *groups, "jinja2", "numpy", "packaging", "platformdirs", "pydantic")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")


@nox.session(venv_backend="none", tags=["checks"])
def guard(session: nox.Session) -> None:
    """Assert what must hold of a results.json, with pytest; exit 1 where it does not."""
    run(session, "repro", "guard", *session.posargs)


@nox.session(venv_backend="none", tags=["checks"])
def regression(session: nox.Session) -> None:
    """Compare a results.json with the committed baseline; exit 1 on a regression."""
    run(session, "repro", "regression", *session.posargs)


@nox.session(tags=["checks"])
def audit(session: nox.Session) -> None:
    """Check that constraints.txt pins all that is installed and nothing else, and ask for known vulnerabilities."""
    groups = nox.project.dependency_groups(PROJECT, "audit")
    session.install(CONSTRAINTS, "--editable=.", *groups)
    session.run("python", "-m", "pip", "check")
    session.run("python", "-m", "repro.integrity.audit")


@nox.session(venv_backend="none", tags=["measure"])
def bench(session: nox.Session) -> None:
    """Measure the costly steps, anomalib's beside ours, into report/bench.json; some minutes, nothing depends on it."""
    measured = Path("runs") / "benchmark.json"
    measured.parent.mkdir(exist_ok=True)
    columns = "--benchmark-columns=min,median"
    run(session, "pytest", "benchmarks", f"--benchmark-json={measured}", columns, *session.posargs)
    run(session, "repro", "bench", str(measured))


@nox.session(venv_backend="none", tags=["proof"])
@nox.parametrize("name", list(PROOFS), ids=list(PROOFS))
def proof(session: nox.Session, name: str) -> None:
    """Prove what takes long or needs more than Python: minutes to an hour each, weekly in CI."""
    command, packages = PROOFS[name]
    needed = {"slurm": ("munged", "slurmctld", "slurmd", "sbatch", "srun")}.get(name, ())
    if lacking := [one for one in needed if shutil.which(one) is None]:
        session.error(f"{', '.join(lacking)} not found: apt-get install slurm-wlm munge")
    more = list(session.posargs)
    if name == "fuzz" and not any(one.startswith("--hypothesis-seed") for one in more):
        more.append(f"--hypothesis-seed={randrange(2**32)}")
    session.env["PYTHONPATH"] = str(Path("benchmarks").resolve())
    if packages:
        session.run(str(above(session, name, packages) / "python"), *_as_module(command), *more)
    else:
        run(session, command[0], *command[1:], *more)
    if name == "mutation":
        run(session, "mutmut", "results")


def _as_module(command: Sequence[str]) -> list[str]:
    """How Python runs a command: the script of an environment below knows only its own packages."""
    return list(command[1:]) if command[0] == "python" else ["-m", *command]


if __name__ == "__main__":
    nox.main()
