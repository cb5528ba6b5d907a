import hashlib
from collections.abc import Iterator
from pathlib import Path

import loopback
import pytest
from loopback import CONTENT, HALF, OTHER

from repro.errors import ReproError
from repro.fetch.sources import Source
from repro.fetch.transfer import Retry, download

FAST = Retry(timeout=0.2, attempts=3, delay=0.0)


@pytest.fixture(scope="module")
def running() -> Iterator[loopback.Server]:
    with loopback.serving() as server:
        yield server


@pytest.fixture
def server(running: loopback.Server) -> loopback.Server:
    running.asked.clear()
    return running


def at(server: loopback.Server, *faults: str) -> Source:
    return Source(
        name="mvtec",
        title="a file",
        file="file.bin",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        known_from="this test",
        licence="none",
        page="http://127.0.0.1/",
        urls=tuple(f"http://127.0.0.1:{server.server_port}/{fault}" for fault in faults),
    )


#: Outcome of each fault without another address: the file, or the reason of failure.
OUTCOMES = {
    "good": "the file",
    "stalls": "the file",
    "never_answers": "sends nothing for 0.2 s, 3 times in a row",
    "cuts_off": "the file",
    "always_cuts": "fails (ChunkedEncodingError), 3 times in a row",
    "ends_early": "the file",
    "says_too_much": f"has a file of {len(CONTENT) + 1000} bytes, not {len(CONTENT)}",
    "says_too_little": f"has a file of 1000 bytes, not {len(CONTENT)}",
    "gives_too_much": f"sends more than {len(CONTENT)} bytes",
    "wrong_bytes": "sends a file with another SHA-256, which was removed",
    "refuses_ranges": "the file",
    "wrong_range": "sends another range than requested",
    "not_satisfiable": "has only the first ",
    "not_found": "answers 404 Not Found",
    "page": "sends a page instead of the file",
    "busy": "the file",
    "redirects": "the file",
    "redirects_in_a_circle": "redirects in a circle",
    "changes": "the file",
    "changes_unheeding": "the file",
}
#: Faults that leave a part, which a later run resumes.
LEAVE_A_PART = {"always_cuts", "wrong_range", "not_satisfiable"}


def test_the_table_has_every_fault() -> None:
    assert OUTCOMES.keys() == loopback.FAULTS.keys()


@pytest.mark.parametrize("fault", OUTCOMES)
def test_a_server_delivers_the_file_or_is_given_up_with_a_reason(
    server: loopback.Server, fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.bin"
    try:
        download(at(server, fault), path, FAST)
        outcome = "the file"
        assert path.read_bytes() == CONTENT
    except ReproError as error:
        outcome = str(error)
        assert not path.exists()
    assert OUTCOMES[fault] in outcome
    assert path.with_name("file.bin.part").exists() == (fault in LEAVE_A_PART)


@pytest.mark.parametrize("fault", OUTCOMES)
def test_the_next_address_delivers_the_file_after_any_fault(
    server: loopback.Server, fault: str, tmp_path: Path
) -> None:
    download(at(server, fault, "good"), tmp_path / "file.bin", FAST)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]


def test_a_part_of_an_earlier_run_is_resumed(server: loopback.Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    reports: list[tuple[int, int]] = []
    download(at(server, "good"), tmp_path / "file.bin", FAST, lambda *report: reports.append(report))
    assert server.asked[0] == ("/good", "bytes=1000-")
    assert reports[-1] == (len(CONTENT), len(CONTENT))
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_part_with_all_bytes_needs_no_server(server: loopback.Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    download(at(server, "not_found"), tmp_path / "file.bin", FAST)
    assert server.asked == []


@pytest.mark.parametrize("part", [OTHER[:1000], OTHER, CONTENT + b"more"])
def test_a_server_is_not_blamed_for_the_bytes_of_another(server: loopback.Server, part: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(part)
    download(at(server, "good"), tmp_path / "file.bin", FAST)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked[-1] == ("/good", None)


def test_a_stalled_download_resumes_where_it_stopped(server: loopback.Server, tmp_path: Path) -> None:
    download(at(server, "stalls"), tmp_path / "file.bin", FAST)
    (_, first), (_, second) = server.asked[:2]
    assert first is None
    assert second is not None
    assert HALF // 2 < int(second.removeprefix("bytes=").removesuffix("-")) <= HALF


def test_if_no_address_delivers_one_line_has_the_file_its_hash_and_where_to_put_it(
    server: loopback.Server, tmp_path: Path
) -> None:
    source = at(server, "not_found", "page")
    with pytest.raises(ReproError) as error:
        download(source, tmp_path / "file.bin", FAST)
    line = str(error.value)
    assert "\n" not in line
    for text in ("file.bin", str(tmp_path / "file.bin"), source.sha256, "404", "sends a page", "nox -s fetch -- mvtec"):
        assert text in line


def test_a_closed_port_is_given_up(tmp_path: Path) -> None:
    with loopback.serving() as server:
        source = at(server, "good")
    with pytest.raises(ReproError, match="cannot be reached"):
        download(source, tmp_path / "file.bin", FAST)
