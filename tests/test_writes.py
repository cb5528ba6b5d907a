"""A reader never finds half a file: what is written to its place is written beside it first and renamed."""

import ast
from pathlib import Path

import pytest

import repro

PACKAGE = Path(repro.__file__).parent

#: Calls of this name write a file, whatever they belong to.
WRITE = {
    "write_text",
    "write_bytes",
    "touch",
    "save",
    "savez",
    "savez_compressed",
    "savetxt",
    "savefig",
    "tofile",
    "memmap",
    "open_memmap",
    "save_file",
    "save_model",
    "save_checkpoint",
    "to_csv",
    "to_excel",
    "to_json",
    "to_parquet",
    "copyfile",
    "copy2",
    "copytree",
    "extract",
    "extractall",
    "urlretrieve",
}
#: Calls that write a file under this name alone.
WRITE_AS = {"shutil.copy", "shutil.move", "json.dump", "pickle.dump", "os.open", "os.fdopen"}
#: Opens a file; writes it where the mode says so.
OPEN = {"open", "fdopen", "ZipFile", "TarFile", "GzipFile"}
#: Helpers of `runs` and `tables` that are called by a name that a library has as well.
OURS = {"write_text", "to_json", "to_csv"}

#: Where files are written otherwise, and why a reader finds no half of one all the same.
ALLOWED = {
    ("calls", "options.markdown.open"): "appended to a summary that others write to as well",
    ("export", "shutil.copytree"): "into a folder that is renamed as a whole",
    ("export", "Image.fromarray(uncropped(values, size, int(crop) / int(side), floor)).save"): "into the same folder",
    ("fetch.place", "shutil.copytree"): "into a scratch folder, of which a category is renamed as a whole",
    ("fetch.transfer", "part.open"): "a download that is resumed, and renamed when its hash is right",
    ("fetch.unpack", "tar.extract"): "into a scratch folder that is renamed as a whole",
    ("fetch.unpack", "container.extract"): "into the same folder",
    ("figures", "sheet().save"): "a drawing's own method, which writes by means of `writing`",
    ("distill.train", "torch.save"): "into memory",
    ("models.weights", "torch.save"): "into memory",
    ("patches", "np.lib.format.open_memmap"): "into a temporary folder that is read by this run alone",
    ("recompute", "shutil.copyfile"): "into a temporary folder that is read by this run alone",
}


def writes(tree: ast.AST) -> list[str]:
    """The calls that write a file, other than to what a `with writing(...)` around them gives."""
    found = []

    def visit(node: ast.AST, given: frozenset[str]) -> None:
        if isinstance(node, ast.With):
            given |= {
                item.optional_vars.id
                for item in node.items
                if isinstance(item.context_expr, ast.Call)
                and ast.unparse(item.context_expr.func) == "writing"
                and isinstance(item.optional_vars, ast.Name)
            }
        if isinstance(node, ast.Call) and _writes(node) and not given & _names(node):
            found.append(ast.unparse(node.func))
        for child in ast.iter_child_nodes(node):
            visit(child, given)

    visit(tree, frozenset())
    return found


def _writes(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    last = call.func.attr if isinstance(call.func, ast.Attribute) else name
    if last in OPEN and name not in WRITE_AS:
        said = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg in ("mode", None))]
        return any(_is_mode_of_writing(node) for one in said for node in ast.walk(one))
    return name in WRITE_AS or (last in WRITE and name not in OURS)


def _is_mode_of_writing(node: ast.AST) -> bool:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    return bool(set(node.value) & set("wax+")) and set(node.value.partition(":")[0]) <= set("rwaxbt+")


def _names(call: ast.Call) -> set[str]:
    """What stands before the point and in the arguments."""
    return {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}


@pytest.mark.parametrize(
    "code",
    [
        "path.write_text('x')",
        "path.open('w')",
        "path.open(mode='a', encoding='utf-8')",
        "path.open('ab' if begun else 'wb')",
        "open(path, 'x')",
        "zipfile.ZipFile(path, 'w')",
        "tarfile.open(path, 'w:gz')",
        "np.savez(path, values=values)",
        "shutil.copy(here, there)",
        "copy2(here, there)",
        "torch.save(state, path)",
        "save_file(tensors, path)",
        "table.to_csv(path)",
        "with writing(path) as beside:\n    other.write_bytes(content)",
        "with writing(path) as beside:\n    beside.write_bytes(content)\npath.write_bytes(content)",
    ],
)
def test_what_writes_to_a_place_is_found(code: str) -> None:
    assert len(writes(ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "path.open('rb')",
        "Image.open(path)",
        "tarfile.open(fileobj=stream, mode='r:*')",
        "names.copy()",
        "write_text(path, 'x')",
        "with writing(path) as beside:\n    if content:\n        np.savez(beside, values=values)",
        "with writing(path) as beside, source.open('rb') as stream, beside.open('wb') as copy:\n    copy.write(b'')",
    ],
)
def test_what_reads_or_writes_beside_is_not(code: str) -> None:
    assert writes(ast.parse(code)) == []


def test_every_file_is_written_beside_its_place_and_renamed_or_has_a_reason_not_to_be() -> None:
    found = {
        (".".join(path.relative_to(PACKAGE).with_suffix("").parts), call)
        for path in PACKAGE.rglob("*.py")
        for call in writes(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found - ALLOWED.keys() == set(), "write it by means of `writing`, or say why not"
    assert ALLOWED.keys() - found == set(), "these are gone"
