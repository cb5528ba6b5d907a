"""What is read from disk never runs, archives stay in their folder, and shell calls quote what comes from outside."""

import ast
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import repro
from repro import study as studies
from repro.errors import ReproError
from repro.runs import PROJECT_ROOT, RunFolder, write_json
from repro.workflow.choices import Choices
from repro.workflow.snakemake import command, find_profile

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


@pytest.mark.parametrize(
    "path", sorted((PROJECT_ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.stem
)
def test_the_continuous_integration_may_only_read_and_puts_nothing_from_outside_into_a_shell(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "permissions" not in job, name
        for step in job["steps"]:
            run = step.get("run", "")
            assert "${{" not in run
            assert not re.search(r'(?<!")\$\w', run), f"unquoted in {name}: {run}"
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"] == {"persist-credentials": False}


RECORDER = """
import json, sys
with open({record!r}, "a") as stream:
    stream.write(json.dumps(sys.argv[1:]) + "\\n")
sys.exit("error: recorded")
"""


def test_no_name_of_a_category_reaches_a_shell_as_code(tmp_path: Path) -> None:
    nasty = f"a $(touch {tmp_path.name}) `id` ;'\" & b"
    study = studies.load("smoke").model_copy(update={"name": "quoting-test", "categories": [nasty]})
    folder = RunFolder(study.name)
    record, recorder = tmp_path / "calls.jsonl", tmp_path / "recorder.py"
    recorder.write_text(RECORDER.format(record=str(record)), encoding="utf-8")
    try:
        write_json(folder.study_file, study.model_dump(mode="json"))
        write_json(folder.manifest(nasty), {})
        for cell in study.cells:
            write_json(folder.cell(cell) / "cell.json", {})
        choices = Choices(study=study.name, until="train", keep_going=True, accelerator="cpu", cores=2)
        line = command(folder, choices, find_profile("local"))
        subprocess.run(
            [*line, f"command={sys.executable} {recorder}"], cwd=PROJECT_ROOT, check=False, capture_output=True
        )
        calls = [json.loads(call) for call in record.read_text(encoding="utf-8").splitlines()]
    finally:
        shutil.rmtree(folder.run, ignore_errors=True)
    assert {(call[0], call[call.index("--cell") + 1]) for call in calls} == {("fit", cell.key) for cell in study.cells}
    assert not (PROJECT_ROOT / tmp_path.name).exists()
