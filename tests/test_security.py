"""What is read from disk never runs, archives stay in their folder, and shell calls quote what comes from outside."""

import ast
import os
import pickle
import re
from pathlib import Path

import pytest
import yaml

import repro
from repro import study as studies
from repro.errors import ReproError
from repro.runs import PROJECT_ROOT

MODULES = sorted(Path(repro.__file__).parent.rglob("*.py"))
#: What a call must say, for what it would otherwise run or write.
DEMANDED = {
    "torch.load": "weights_only=True",
    "load_from_checkpoint": "weights_only=True",
    "np.load": "allow_pickle=False",
    "extractall": "filter='data'",
}
FORBIDDEN = {"eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "yaml.load"}


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_call_runs_what_it_reads(path: Path) -> None:
    for name, call in calls(path):
        said = [ast.unparse(keyword) for keyword in call.keywords]
        assert "shell=True" not in said
        assert name not in FORBIDDEN
        for function, demanded in DEMANDED.items():
            if name == function or name.endswith(f".{function}"):
                assert demanded in said, f"line {call.lineno}: {name} without {demanded}"


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


#: In the protocol that torch writes.
CODE = pickle.dumps(Malicious(), protocol=2)


@pytest.mark.parametrize("variant", ["efficientad", "patchcore"])
@pytest.mark.parametrize("content", [CODE, b"", b"PK\x03\x04 no archive"], ids=["code", "empty", "torn"])
def test_a_checkpoint_runs_no_code_and_a_damaged_one_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variant: str, content: bytes
) -> None:
    from repro.stages.predict import load

    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / "checkpoint.ckpt"
    checkpoint.write_bytes(content)
    with pytest.raises(ReproError, match="is no checkpoint of this variant") as caught:
        load(studies.load("smoke").variants[variant], checkpoint)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.ckpt"]


def test_the_continuous_integration_may_only_read_and_puts_nothing_from_outside_into_a_shell() -> None:
    workflow = yaml.safe_load((PROJECT_ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "permissions" not in job, name
        for step in job["steps"]:
            run = step.get("run", "")
            assert "${{" not in run
            assert not re.search(r'(?<!")\$\w', run), f"unquoted in {name}: {run}"
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"] == {"persist-credentials": False}


def test_the_workflow_quotes_whatever_it_puts_into_a_shell() -> None:
    text = (PROJECT_ROOT / "src" / "repro" / "workflow" / "Snakefile").read_text(encoding="utf-8")
    shells = re.findall(r"shell:\n((?:\s+\"[^\n]*\n)+)", text)
    assert len(shells) == text.count("shell:") == text.count("\nrule ") - len(("paper", "train", "evaluate"))
    placed = [place for shell in shells for place in re.findall(r"{([^}]*)}", shell)]
    assert "wildcards.category:q" in placed
    # Of constants alone, which the shell has to read.
    assert {place for place in placed if not place.endswith(":q")} == {"params.allocator"}
