"""Mistyped commands."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import example_report
import pytest
from bad_input import MARKUP, ODD, TRIED
from hypothesis import given
from hypothesis import strategies as st

from repro.cli import main
from repro.runs import RunFolder

plain = [name for name in MARKUP + ODD if not name.startswith("-")]
words = st.sampled_from([*plain, "", "../x", "/etc", "a/../b", "x.toml", "²"])
studies = st.sampled_from(["example", "nothing", "smoke"]) | words
cells = st.sampled_from(["patchcore/grid/seed0", "a/b/c", "../../seed0", "x/../seed1", "a/b/seed²", "a/b/seed"]) | words


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A separate project, so that this one is not changed."""
    root = tmp_path_factory.mktemp("project")
    folder = example_report.build(root)
    (folder.report / "paper.html").write_text("<p>", encoding="utf-8")
    defaults = RunFolder.__init__.__defaults__
    RunFolder.__init__.__defaults__ = (root,)
    previous = Path.cwd()
    os.chdir(root)
    yield root
    os.chdir(previous)
    RunFolder.__init__.__defaults__ = defaults


def command(root: Path) -> st.SearchStrategy[list[str]]:
    report = root / "report" / "example" / "results.json"
    places = st.sampled_from([str(root), str(report), str(root / "new"), "", "nowhere/x", str(report / "x")])
    choose = st.sampled_from
    return st.one_of(
        st.tuples(choose(["score", "retrieve"]), st.just("--cell"), cells, st.just("--study"), studies),
        st.tuples(choose(["results", "render", "verdicts", "data"]), st.just("--study"), studies),
        st.tuples(st.just("figures"), st.just("--only"), words, st.just("--study"), studies),
        st.tuples(st.just("table"), words | st.just("scores"), st.just("--study"), studies),
        st.tuples(st.just("export"), places, st.just("--study"), studies),
        st.tuples(st.just("view"), st.just("--port"), choose(["-1", "70000", "x", "²"]), st.just("--study"), studies),
        st.tuples(st.just("regression"), st.just("--study"), studies, st.just("--baseline"), places),
        st.tuples(st.just("bench"), places),
        st.tuples(st.just("schema"), places.filter(lambda place: place not in ("", str(root)))),
        st.tuples(st.just("reproduce"), st.just("--study"), words, st.just("--categories"), words),
        st.tuples(st.just("reproduce"), st.just("--data-root"), places, st.just("--categories"), words),
        st.tuples(
            choose(["reproduce", "nonsense", "--nonsense", "fit"]), choose(["--cores", "--until", "--devices"]), words
        ),
    ).map(list)


@given(data=st.data())
def test_a_mistyped_command_ends_with_one_line_and_writes_only_in_its_folders(
    root: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    arguments = data.draw(command(root))
    capsys.readouterr()
    try:
        status = main(arguments)
    except SystemExit as end:
        # argparse reports the errors that it finds.
        status = int(end.code or 0)
    errors = capsys.readouterr().err
    messages = [line for line in errors.splitlines() if "error: " in line]
    assert status in (0, 1, 2)
    assert "Traceback" not in errors
    if status == 2:
        assert len(messages) == 1, errors
    TRIED["command line", "refused" if status else "accepted"] += 1
    assert {path.name for path in root.iterdir()} <= {"runs", "report", "new", "nowhere", "baselines", "schemas"}
    for path in ("new", "nowhere"):
        shutil.rmtree(root / path, ignore_errors=True)


def test_a_port_in_use_is_reported(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["view", "--study", "example", "--port", str(port)]) == 2
    assert f"port {port}" in capsys.readouterr().err
