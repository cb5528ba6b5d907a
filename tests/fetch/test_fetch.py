import hashlib
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import loopback
import numpy as np
import pytest
from filelock import FileLock
from huggingface_hub import try_to_load_from_cache
from PIL import Image

from repro import cli
from repro.data import checks, official
from repro.errors import DataError, ReproError
from repro.fetch import fetch as module
from repro.fetch import install
from repro.fetch.fetch import fetch
from repro.fetch.sources import Source, source
from repro.fetch.transfer import Retry

FAST = Retry(timeout=0.5, attempts=3, delay=0.0)
#: Two training images, a normal and a bent test image of 16 pixels.
SMALL = {"grid": (2, 1, 2, 16), "tile": (2, 1, 2, 16)}


def draw(folder: Path) -> Path:
    for name in ("train/good/000", "train/good/001", "test/good/000", "test/bent/000", "ground_truth/bent/000_mask"):
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16), 200, np.uint8)).save(path)
    return folder


def pack(folder: Path, archive: Path, mode: str = "w:xz") -> Path:
    with tarfile.open(archive, mode) as tar:
        tar.add(folder, ".")
    return archive


@pytest.fixture
def mvtec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An unpacked data set of two small categories that is accepted as official."""
    monkeypatch.setattr(official, "OFFICIAL", SMALL)
    for category in SMALL:
        draw(tmp_path / "usb" / "mvtec_anomaly_detection" / category)
    return tmp_path / "usb" / "mvtec_anomaly_detection"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary project root and temporary caches."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.setattr("repro.fetch.fetch.PROJECT_ROOT", root)
    monkeypatch.setattr("repro.fetch.sources.PROJECT_ROOT", root)
    for name in ("HF_HOME", "HF_HUB_CACHE", "REPRO_DATA_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return root


@pytest.fixture
def server() -> Iterator[loopback.Server]:
    with loopback.serving() as server:
        yield server


def serve(monkeypatch: pytest.MonkeyPatch, server: loopback.Server, name: str, file: Path, **changed: object) -> Source:
    """Replace an entry of the table by `file`, served by the loopback server."""
    content = file.read_bytes()

    def give(request: loopback.Handler, start: int, times: int) -> None:
        request.give(start, content=content)

    monkeypatch.setitem(loopback.FAULTS, "file", give)
    url = f"http://127.0.0.1:{server.server_port}/file"
    digest = hashlib.sha256(content).hexdigest()
    entry = source(name).model_copy(
        update={"urls": (url,), "bytes": len(content), "sha256": digest, "content": {}} | changed
    )
    monkeypatch.setattr(module, "select", lambda names: [entry])
    return entry


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_fetches_verifies_unpacks_and_leaves_nothing_else(
    root: Path,
    mvtec: Path,
    server: loopback.Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    serve(monkeypatch, server, "mvtec", pack(mvtec, tmp_path / "all.tar.xz"))
    fetch(("mvtec",), retry=FAST)
    assert files(root / "datasets" / "MVTecAD") == files(mvtec)
    assert {path.name for path in (root / "datasets").iterdir()} == {"MVTecAD", ".fetch.lock"}
    assert capsys.readouterr().out.count("CC BY-NC-SA 4.0") == 1
    requests = len(server.asked)
    fetch(("mvtec",), retry=FAST)
    assert len(server.asked) == requests
    assert "verified" in capsys.readouterr().out


def test_images_are_installed_in_the_data_root(
    root: Path, mvtec: Path, server: loopback.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    serve(monkeypatch, server, "mvtec", pack(mvtec, tmp_path / "all.tar.xz"))
    monkeypatch.setenv("REPRO_DATA_ROOT", str(tmp_path / "large" / "images"))
    fetch(("mvtec",), retry=FAST)
    assert files(tmp_path / "large" / "images") == files(mvtec)
    assert not (root / "datasets" / "MVTecAD").exists()


def test_a_part_is_resumed_without_showing_the_licence_again(
    root: Path,
    mvtec: Path,
    server: loopback.Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archive = pack(mvtec, tmp_path / "all.tar.xz")
    entry = serve(monkeypatch, server, "mvtec", archive)
    part = root / "datasets" / f"{entry.file}.part"
    part.parent.mkdir()
    part.write_bytes(archive.read_bytes()[:100])
    fetch(("mvtec",), retry=FAST)
    assert server.asked[0] == ("/file", "bytes=100-")
    assert "CC BY-NC" not in capsys.readouterr().out


def test_an_archive_downloaded_by_hand_is_used(
    root: Path, mvtec: Path, server: loopback.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive = pack(mvtec, tmp_path / "all.tar.xz")
    entry = serve(monkeypatch, server, "mvtec", archive)
    (root / "datasets").mkdir()
    archive.rename(entry.path(root / "datasets" / "MVTecAD"))
    fetch(("mvtec",), retry=FAST)
    assert not server.asked
    assert files(root / "datasets" / "MVTecAD") == files(mvtec)


def test_a_damaged_data_set_is_not_accepted_as_installed(root: Path, mvtec: Path) -> None:
    install.install_categories(mvtec, root / "datasets" / "MVTecAD")
    damaged = root / "datasets" / "MVTecAD" / "tile" / "test" / "bent" / "000.png"
    damaged.unlink()
    damaged.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"tile/test/bent/000\.png"):
        fetch(("mvtec",), retry=FAST)


def test_too_small_a_disk_is_reported_before_anything_is_fetched(
    root: Path, mvtec: Path, server: loopback.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    serve(monkeypatch, server, "mvtec", pack(mvtec, tmp_path / "all.tar.xz"), bytes=10**18)
    with pytest.raises(ReproError, match=r"2100000000\.0 GB are needed for mvtec"):
        fetch(("mvtec",), retry=FAST)
    assert not server.asked


def test_nothing_of_a_damaged_archive_is_installed(
    root: Path, mvtec: Path, server: loopback.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive = pack(mvtec, tmp_path / "all.tar.xz")
    archive.write_bytes(archive.read_bytes()[:-100])
    serve(monkeypatch, server, "imagenette", archive)
    with pytest.raises(ReproError, match="cannot be unpacked"):
        fetch(("imagenette",), retry=FAST)
    assert files(root / "datasets") == {".fetch.lock", "imagenette2.tgz"}


def test_teachers_are_installed_where_anomalib_looks(
    root: Path, server: loopback.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from anomalib.utils.path import get_pretrained_weights_dir

    with zipfile.ZipFile(tmp_path / "teachers.zip", "w") as archive:
        archive.writestr("efficientad_pretrained_weights/pretrained_teacher_small.pth", "small")
    entry = serve(
        *(monkeypatch, server, "teacher", tmp_path / "teachers.zip"),
        content={"pretrained_teacher_small.pth": hashlib.sha256(b"small").hexdigest()},
    )
    fetch(("teacher",), retry=FAST)
    folder = get_pretrained_weights_dir() / "efficientad_pretrained_weights"
    assert files(folder) == {"pretrained_teacher_small.pth"}
    assert install.is_installed(entry, folder)
    (folder / "pretrained_teacher_small.pth").write_text("other")
    with pytest.raises(ReproError, match=r"SHA-256.*move its folder away and run `nox -s fetch -- teacher`"):
        fetch(("teacher",), retry=FAST)
    folder.rename(tmp_path / "away")
    fetch(("teacher",), retry=FAST)
    assert install.is_installed(entry, folder)


def test_weights_are_installed_where_the_hub_looks(
    root: Path, server: loopback.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "weights").write_bytes(loopback.CONTENT)
    entry = serve(monkeypatch, server, "resnet18", tmp_path / "weights")
    fetch(("resnet18",), retry=FAST)
    cache = tmp_path / "cache" / "huggingface" / "hub"
    cached = try_to_load_from_cache("timm/resnet18.a1_in1k", "model.safetensors", cache_dir=cache)
    assert isinstance(cached, str)
    assert Path(cached).read_bytes() == loopback.CONTENT
    assert install.is_installed(entry, entry.folder())
    Path(cached).write_bytes(b"other")
    with pytest.raises(ReproError, match=r"SHA-256.*move it away and run `nox -s fetch -- resnet18`") as caught:
        fetch(("resnet18",), retry=FAST)
    assert caught.value.where == cached
    Path(cached).unlink()
    fetch(("resnet18",), retry=FAST)
    assert Path(cached).read_bytes() == loopback.CONTENT


def test_imagenette_is_unpacked_as_anomalib_does(
    root: Path, server: loopback.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = tmp_path / "in" / "imagenette2" / "train" / "n01440764" / "a.JPEG"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"an image")
    entry = serve(monkeypatch, server, "imagenette", pack(tmp_path / "in", tmp_path / "all.tgz", "w:gz"))
    fetch(("imagenette",), retry=FAST)
    folder = root / "datasets" / "imagenette"
    assert files(folder) == {"imagenette2/train/n01440764/a.JPEG"}
    with pytest.raises(ReproError, match="holds"):
        install.is_installed(entry, folder)
    monkeypatch.setattr(install, "IMAGENETTE_IMAGES", {"train": 1, "val": 0})
    assert install.is_installed(entry, folder)


@pytest.mark.parametrize(
    "form", ["data set", "folder with the data set", "category", "archive", "archive of a category"]
)
def test_a_local_copy_may_have_any_form(form: str, root: Path, mvtec: Path, tmp_path: Path) -> None:
    local, names = {
        "data set": (mvtec, {"grid", "tile"}),
        "folder with the data set": (mvtec.parent, {"grid", "tile"}),
        "category": (mvtec / "tile", {"tile"}),
        "archive": (tmp_path / "all.tar.xz", {"grid", "tile"}),
        "archive of a category": (tmp_path / "tile.tar.gz", {"tile"}),
    }[form]
    if form == "archive":
        pack(mvtec.parent, local)
    if form == "archive of a category":
        with tarfile.open(local, "w:gz") as tar:
            tar.add(mvtec / "tile", "tile")
    fetch(("mvtec",), local)
    target = root / "datasets" / "MVTecAD"
    assert {path.name for path in target.iterdir()} == names
    assert checks.examine(target, sorted(names)).keys() == names
    assert local.exists()


def test_an_installed_category_is_left_alone(root: Path, mvtec: Path) -> None:
    fetch(("mvtec",), mvtec / "tile")
    before = (root / "datasets" / "MVTecAD" / "tile").stat().st_ino
    fetch(("mvtec",), mvtec)
    assert (root / "datasets" / "MVTecAD" / "tile").stat().st_ino == before
    assert (root / "datasets" / "MVTecAD" / "grid").is_dir()


def test_a_local_copy_that_is_not_official_is_refused(root: Path, mvtec: Path) -> None:
    (mvtec / "tile" / "train" / "good" / "001.png").unlink()
    with pytest.raises(ReproError, match="official"):
        fetch(("mvtec",), mvtec)
    assert not (root / "datasets" / "MVTecAD").exists()


@pytest.mark.parametrize("names", [(), ("teacher",), ("mvtec",)])
def test_a_local_folder_without_the_files_is_reported(names: tuple[str, ...], root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReproError, match="does not hold"):
        fetch(names, tmp_path / "empty")
    with pytest.raises(ReproError, match="no such file"):
        fetch(names, tmp_path / "nowhere")


def test_a_second_fetch_waits_for_the_first(root: Path, mvtec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "datasets").mkdir()
    held = Event()

    def hold() -> None:
        with FileLock(root / "datasets" / ".fetch.lock"):
            held.set()
            time.sleep(0.1)

    first = Thread(target=hold)
    first.start()
    held.wait()
    fetch(("mvtec",), mvtec)
    first.join()
    assert "waiting for another fetch" in capsys.readouterr().err
    assert (root / "datasets" / "MVTecAD").is_dir()


def test_an_unavailable_file_does_not_stop_the_others(
    root: Path, server: loopback.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "weights").write_bytes(loopback.CONTENT)
    entry = serve(monkeypatch, server, "resnet18", tmp_path / "weights")
    unavailable = source("teacher").model_copy(update={"urls": (entry.urls[0].replace("/file", "/not_found"),)})
    monkeypatch.setattr(module, "select", lambda names: [unavailable, entry])
    with pytest.raises(ReproError, match="efficientad_pretrained_weights"):
        fetch((), retry=FAST)
    assert install.is_installed(entry, entry.folder())


def test_the_command_exits_with_2_and_one_line_if_no_address_delivers_the_file(
    root: Path,
    server: loopback.Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "weights").write_bytes(b"weights")
    url = f"http://127.0.0.1:{server.server_port}/not_found"
    entry = serve(monkeypatch, server, "resnet18", tmp_path / "weights", urls=(url,))
    assert cli.main(["fetch", "resnet18"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: model.safetensors: no address delivers it")
    assert entry.sha256 in last
    assert str(entry.path()) in last
