#!/usr/bin/env -S python -m nox -f
"""The sessions of the project: `nox --list` names them, `nox -s reproduce` is the main one."""

import shutil
import sys
from pathlib import Path
from random import randrange

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "tests"]

CONSTRAINTS = "--constraint=constraints.txt"
PROJECT = nox.project.load_toml("pyproject.toml")

# Folders of tests with a session of their own.
HEAVIER = (
    "bench",
    "extending",
    "faults",
    "gpu",
    "kubernetes",
    "pages",
    "proofs",
    "scale",
    "slurm",
)
LIGHTER = [f"--ignore=tests/{folder}" for folder in HEAVIER]

# One environment for all that needs torch: it is several gigabytes large. Nox gives each session its own, so these
# sessions have none from Nox and share this one.
STUDY = Path(".nox") / "study"
BIN = STUDY / ("Scripts" if sys.platform == "win32" else "bin")
heavy = nox.session(venv_backend="none")


def run(session: nox.Session, command: str, *arguments: str) -> None:
    """Run a command of the shared environment, installed anew where pyproject.toml or constraints.txt changed."""
    wanted = Path("pyproject.toml").read_text(encoding="utf-8") + Path("constraints.txt").read_text(encoding="utf-8")
    installed = STUDY / "installed.txt"
    if not installed.is_file() or installed.read_text(encoding="utf-8") != wanted:
        session.log("installing the study's environment; the first time takes minutes and several gigabytes")
        if not BIN.is_dir():
            session.run(sys.executable, "-m", "venv", str(STUDY))
        groups = nox.project.dependency_groups(PROJECT, "test")
        session.run(str(BIN / "python"), "-m", "pip", "install", CONSTRAINTS, "--editable=.[study]", *groups)
        installed.write_text(wanted, encoding="utf-8")
    session.run(str(BIN / command), *arguments)


@heavy
def reproduce(session: nox.Session) -> None:
    """Train, evaluate, search, draw and write the paper: report/<study>/paper.pdf."""
    run(session, "repro", "reproduce", *session.posargs)


@heavy
def fetch(session: nox.Session) -> None:
    """Bring MVTec AD, Imagenette, teachers and timm weights to their places, 7 GB in all: nox -s fetch -- NAME."""
    run(session, "repro", "fetch", *session.posargs)


@heavy
def train(session: nox.Session) -> None:
    """Train the cells of a study that are missing or out of date."""
    run(session, "repro", "reproduce", "--until=train", *session.posargs)


@heavy
def evaluate(session: nox.Session) -> None:
    """Bring results.json and verdicts.json up to date."""
    run(session, "repro", "reproduce", "--until=evaluate", *session.posargs)


@heavy
def figures(session: nox.Session) -> None:
    """Bring the figures up to date."""
    run(session, "repro", "reproduce", "--until=figures", *session.posargs)


@heavy
def ablate(session: nox.Session) -> None:
    """Measure what the weights and a blur change, about half an hour on two cores; every paper shows it."""
    run(session, "repro", "reproduce", "--study=ablation", "--until=evaluate", *session.posargs)


@heavy
def distill(session: nox.Session) -> None:
    """Distil EfficientAD's teacher anew from the images that come with packages: less than two hours on two cores."""
    run(session, "repro", "distill", *session.posargs)


@nox.session
def render(session: nox.Session) -> None:
    """Write the paper from the JSON and figures of a report folder; needs no torch."""
    session.install(CONSTRAINTS, "--editable=.")
    session.run("repro", "render", *session.posargs)


@nox.session
def view(session: nox.Session) -> None:
    """Serve the paper's page on this machine, and print its address."""
    session.install(CONSTRAINTS, "--editable=.")
    session.run("repro", "view", *session.posargs)


@heavy
def export(session: nox.Session) -> None:
    """Write a crate with tables as CSV and anomaly maps as TIFF: nox -s export -- FOLDER."""
    run(session, "repro", "export", *session.posargs)


@nox.session
def pages(session: nox.Session) -> None:
    """Test the paper's page in Chromium (Debian: apt install chromium), and the PDF against PDF/UA-1."""
    groups = nox.project.dependency_groups(PROJECT, "pages")
    session.install(CONSTRAINTS, "--editable=.", *groups)
    session.run("pytest", "tests/pages", *session.posargs)


@heavy
def guard(session: nox.Session) -> None:
    """Assert what must hold of a results.json, with pytest; exit 1 where it does not."""
    run(session, "repro", "guard", *session.posargs)


@heavy
def regression(session: nox.Session) -> None:
    """Compare a results.json with the committed baseline; exit 1 on a regression."""
    run(session, "repro", "regression", *session.posargs)


@heavy
def tests(session: nox.Session) -> None:
    """Run the tests, one real end-to-end study among them."""
    # A process a core with one thread each: most tests are short, and many threads on few cores wait for each other.
    session.env["OMP_NUM_THREADS"] = "1"
    side_by_side = ["--numprocesses=auto", "--maxprocesses=4", "-p", "no:benchmark"]
    run(session, "pytest", *side_by_side, *LIGHTER, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Lint, check the format and the types."""
    groups = nox.project.dependency_groups(PROJECT, "lint")
    session.install(CONSTRAINTS, *groups, "jinja2", "numpy", "packaging", "platformdirs", "pydantic")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")


@heavy
def verify(session: nox.Session) -> None:
    """Name each file of a study that is altered, missing or stale; exit 1 where any is."""
    run(session, "repro", "verify", *session.posargs)


@heavy
def drift(session: nox.Session) -> None:
    """Run the smoke study again, with two threads and with another anomalib, and tabulate what moved; ten minutes."""
    run(session, "python", "-m", "drift")


@nox.session
def audit(session: nox.Session) -> None:
    """Check that constraints.txt pins all that is installed and nothing else, and ask for known vulnerabilities."""
    groups = nox.project.dependency_groups(PROJECT, "audit")
    session.install(CONSTRAINTS, "--editable=.", *groups)
    session.run("python", "-m", "pip", "check")
    session.run("python", "-m", "repro.integrity.audit")


@heavy
def prove(session: nox.Session) -> None:
    """Prove the exact paths equal to anomalib's where that takes long: about ten minutes on two cores."""
    run(session, "pytest", "tests/proofs", *session.posargs)


@heavy
def patches(session: nox.Session) -> None:
    """Measure Qdrant among all patches of a trained study, at 10,000 and 100,000 vectors or as --sizes says."""
    run(session, "python", "-m", "pip", "install", CONSTRAINTS, *nox.project.dependency_groups(PROJECT, "patches"))
    run(session, "repro", "patches", *session.posargs)


@heavy
def gpu(session: nox.Session) -> None:
    """Test the GPU's path: simulated anywhere, for real (-m gpu) where there is one; skips say why."""
    run(session, "pytest", "tests/gpu", "-rs", *session.posargs)


@heavy
def extending(session: nox.Session) -> None:
    """Run a folder in VisA layout and a third model through every stage: some minutes on two cores."""
    run(session, "pytest", "tests/extending", *session.posargs)


@heavy
def faults(session: nox.Session) -> None:
    """Kill the smoke study at random moments, let disk and memory run out, and compare with an undisturbed run."""
    run(session, "pytest", "tests/faults", "-s", "-x", *session.posargs)


@heavy
def slurm(session: nox.Session) -> None:
    """Run the smoke study on a Slurm cluster of two nodes on this machine, and lose one: about ten minutes."""
    lacking = [name for name in ("munged", "slurmctld", "slurmd", "sbatch", "srun") if shutil.which(name) is None]
    if lacking:
        session.error(f"{', '.join(lacking)} not found: apt-get install slurm-wlm munge")
    run(session, "python", "-m", "pip", "install", "--quiet", CONSTRAINTS, "--editable=.[slurm]")
    run(session, "pytest", "tests/slurm", *session.posargs)


@heavy
def kubernetes(session: nox.Session) -> None:
    """Test what the Kubernetes profile asks a cluster for; a server on the loopback takes it, and no pod runs."""
    run(session, "python", "-m", "pip", "install", "--quiet", CONSTRAINTS, "--editable=.[kubernetes]")
    run(session, "pytest", "tests/kubernetes", *session.posargs)


@heavy
def simulate(session: nox.Session) -> None:
    """Run 300 cells with made-up training through the workflow: what it adds to a cell; about ten minutes."""
    run(session, "pytest", "tests/scale", *session.posargs)


@heavy
def fuzz(session: nox.Session) -> None:
    """Try thousands of bad inputs, drawn by Hypothesis from a seed that is printed; the table goes to runs/."""
    given = [] if any(one.startswith("--hypothesis-seed") for one in session.posargs) else [randrange(2**32)]
    seed = [f"--hypothesis-seed={number}" for number in given]
    run(session, "pytest", "tests/fuzz", "--hypothesis-profile=thorough", *seed, *session.posargs)


@heavy
def coverage(session: nox.Session) -> None:
    """Measure branch coverage of the whole suite, the stages' processes among it; fails below 90 %."""
    run(session, "coverage", "erase")
    run(session, "coverage", "run", "-m", "pytest", *LIGHTER, *session.posargs)
    run(session, "coverage", "combine", "--quiet")
    run(session, "coverage", "report")


@heavy
def mutate(session: nox.Session) -> None:
    """Mutate what decides numbers and verdicts, and name the mutants that no test notices; resumes, takes an hour."""
    run(session, "mutmut", "run", "--max-children=1", *session.posargs)
    run(session, "mutmut", "results")


@heavy
def bench(session: nox.Session) -> None:
    """Measure the costly steps, anomalib's beside ours, into report/bench.json; some minutes, nothing depends on it."""
    measured = Path("runs") / "benchmark.json"
    measured.parent.mkdir(exist_ok=True)
    run(
        session,
        "pytest",
        "tests/bench",
        f"--benchmark-json={measured}",
        "--benchmark-columns=min,median",
        *session.posargs,
    )
    run(session, "repro", "bench", str(measured))


if __name__ == "__main__":
    nox.main()
