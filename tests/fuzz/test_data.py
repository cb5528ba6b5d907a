"""Folders of images with all kinds of faults."""

import os
import random
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bad_input import MARKUP, ODD, attempt
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from repro import study as studies
from repro.data import formats
from repro.data.layout import samples
from repro.runs import RunFolder, read_json
from repro.stages.data import prepare

#: Names that a file system accepts.
file_names = (st.sampled_from(MARKUP + ODD) | st.text(min_size=1, max_size=12)).filter(
    lambda name: (
        name not in (".", "..") and not set("/\x00") & set(name) and len(os.fsencode(name)) < 200
        if not any(unicodedata.category(character) == "Cs" for character in name)
        else False
    )
)


def save(path: Path, mode: str = "RGB", size: tuple[int, int] = (8, 8), value: int = 200) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "TIFF" if mode == "F" else "JPEG" if mode == "CMYK" else "PNG"
    Image.new(mode, size, value if len(Image.new(mode, (1, 1)).getbands()) == 1 else (value,) * len(mode)).save(
        path, kind
    )


def tree(root: Path, category: str, defect: str, stem: str) -> Path:
    """Write a minimal data set."""
    folder = root / category
    for place in (
        f"train/good/{stem}",
        f"test/good/{stem}",
        f"test/{defect}/{stem}",
        f"ground_truth/{defect}/{stem}_mask",
    ):
        save(folder / f"{place}.png", "L" if "mask" in place else "RGB")
    return folder


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def bomb(content: bytes) -> bytes:
    return content[:16] + (60_000).to_bytes(4, "big") * 2 + content[24:]


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


#: Damage to one file of a valid tree.
DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: rewrite(path, lambda content: content[: len(content) * 2 // 3]),
    "one byte off": lambda path: rewrite(path, lambda content: content[:30] + bytes([content[30] ^ 1]) + content[31:]),
    "text": lambda path: path.write_text("not an image"),
    "bomb": lambda path: rewrite(path, bomb),
    "16 bits": lambda path: save(path, "I;16", value=40_000),
    "floats": lambda path: save(path, "F"),
    "CMYK": lambda path: save(path, "CMYK"),
    "alpha": lambda path: save(path, "RGBA"),
    "grey and alpha": lambda path: save(path, "LA"),
    "palette": lambda path: save(path, "P", value=3),
    "one bit": lambda path: save(path, "1", value=1),
    "1 pixel": lambda path: save(path, size=(1, 1)),
    "a line": lambda path: save(path, size=(3000, 1)),
    "black": lambda path: save(path, "L", value=0),
    "faint grey": lambda path: save(path, "L", value=1),
    "missing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "capital ending": lambda path: path.rename(path.with_suffix(".PNG")),
    "mixed ending": lambda path: path.rename(path.with_suffix(".Png")),
    "a JPEG": lambda path: path.rename(path.with_suffix(".jpg")),
    "a link to itself": lambda path: link(path, path),
    "a link to nothing": lambda path: link(path, Path("nowhere.png")),
    "a link outside": lambda path: link(path, Path("/etc/passwd")),
}
#: Additional files, and changes to more than one.
EXTRAS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda folder: None,
    ".DS_Store": lambda folder: (folder / "test" / ".DS_Store").write_bytes(b"\0Bud1"),
    "Thumbs.db": lambda folder: (folder / "train" / "good" / "Thumbs.db").write_bytes(b"\xd0\xcf"),
    "AppleDouble": lambda folder: (folder / "train" / "good" / "._000.png").write_bytes(b"\0\5\26\7"),
    "licence": lambda folder: (folder / "license.txt").write_text("CC BY-NC-SA 4.0"),
    "preview": lambda folder: save(folder / "preview.png"),
    "backup": lambda folder: save(folder / "old" / "train" / "good" / "000.png"),
    "deeper": lambda folder: save(folder / "train" / "good" / "more" / "000.png"),
    "defect to train on": lambda folder: save(folder / "train" / "bent" / "000.png"),
    "mask of a normal image": lambda folder: save(folder / "ground_truth" / "good" / "000_mask.png"),
    "mask too many": lambda folder: save(folder / "ground_truth" / "other" / "000_mask.png"),
    "looped folder": lambda folder: link(folder / "test" / "loop", folder / "test"),
    "looped root": lambda folder: link(folder / "train" / "good" / "loop", folder.parent),
    "no normal test image": lambda folder: [path.unlink() for path in (folder / "test" / "good").iterdir()],
    "no anomalous test image": lambda folder: [
        shutil.rmtree(path) for path in folder.glob("*/*") if path.name != "good"
    ],
    "numbers of unequal length": lambda folder: [
        save(folder / place, "L")
        for number in (1, 10)
        for place in (f"test/n/{number}.png", f"ground_truth/n/{number}_mask.png")
    ],
    "endings differ in case": lambda folder: [
        save(folder / "train" / "good" / f"twin.{end}") for end in ("png", "PNG")
    ],
    "names differ in case": lambda folder: [save(folder / "train" / "good" / f"{stem}.png") for stem in ("a", "A")],
    "not UTF-8": lambda folder: save(Path(os.fsdecode(os.fsencode(folder / "train" / "good") + b"/\xff.png"))),
    "line break": lambda folder: save(folder / "train" / "good" / "a\nb.png"),
}


def check(root: Path, run: Path, category: str) -> bool:
    """Prepare the data; its manifest must list all images and masks, and nothing else may be written."""
    study = studies.choose(studies.load("mvtec"), data_root=root, categories=[category])
    folder = RunFolder("mvtec", run)
    prepare(folder, study)
    manifest = read_json(folder.manifest(category), hint="")
    read = Path(read_json(folder.data_root, hint="")["root"])
    present = {
        path.relative_to(read).as_posix()
        for sample in samples(read, category)
        for path in (sample.image, sample.mask)
        if path
    }
    assert set(manifest["files"]) == present
    given = [path for path in formats._files(root / category) if formats._is_image(path, root)]
    assert sorted(Path(name).with_suffix("") for name in present) == sorted(
        path.relative_to(root).with_suffix("") for path in given
    )
    assert {entry.name for entry in run.iterdir()} == {"runs"}
    return True


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("where", ["train/good", "test/good", "test/bent", "ground_truth/bent"])
def test_a_damaged_file_is_read_correctly_or_reported(tmp_path: Path, damage: str, where: str) -> None:
    folder = tree(tmp_path / "data", "grid", "bent", "000")
    DAMAGE[damage](next((folder / where).iterdir()))
    (tmp_path / "run").mkdir()
    attempt("data: a file", lambda: check(tmp_path / "data", tmp_path / "run", "grid"))


@pytest.mark.parametrize("extra", EXTRAS)
def test_additional_files_are_ignored_or_reported(tmp_path: Path, extra: str) -> None:
    folder = tree(tmp_path / "data", "grid", "bent", "000")
    EXTRAS[extra](folder)
    (tmp_path / "run").mkdir()
    attempt("data: beside the files", lambda: check(tmp_path / "data", tmp_path / "run", "grid"))


@given(category=file_names, defect=file_names, stem=file_names, seed=st.integers(0, 999))
def test_any_name_is_accepted_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, category: str, defect: str, stem: str, seed: int
) -> None:
    root, run = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("run")
    try:
        folder = tree(root, category, defect, stem)
    except (OSError, ValueError):
        return
    rng = random.Random(seed)
    EXTRAS[rng.choice(sorted(EXTRAS))](folder)
    attempt("data: names", lambda: check(root, run, category))


def test_all_pixels_of_a_mask_that_are_not_black_are_marked(tmp_path: Path) -> None:
    folder = tree(tmp_path, "grid", "bent", "000")
    levels = np.zeros((8, 8), np.uint8)
    levels[2, 3] = 1
    Image.fromarray(levels).save(folder / "ground_truth" / "bent" / "000_mask.png")
    assert check(tmp_path, tmp_path_mkdir(tmp_path), "grid")


def tmp_path_mkdir(root: Path) -> Path:
    path = root.parent / f"{root.name}-run"
    path.mkdir()
    return path
