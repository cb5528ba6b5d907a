from pathlib import Path

from repro.workflow.furnish import furnish


def test_what_is_missing_is_copied_and_what_is_there_is_kept(tmp_path: Path) -> None:
    furniture, root = tmp_path / "furniture", tmp_path / "root"
    for name in ("report/bench.json", "baselines/embedded.json"):
        (furniture / name).parent.mkdir(parents=True)
        (furniture / name).write_text(name)
    (root / "baselines").mkdir(parents=True)
    (root / "baselines" / "embedded.json").write_text("mine")
    assert furnish(root, furniture) == 1
    assert (root / "report" / "bench.json").read_text() == "report/bench.json"
    assert (root / "baselines" / "embedded.json").read_text() == "mine"
    assert furnish(root, furniture) == 0


def test_a_clone_brings_its_own(tmp_path: Path) -> None:
    assert furnish(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []
