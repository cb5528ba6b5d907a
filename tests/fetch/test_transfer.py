import hashlib
from collections.abc import Iterator
from pathlib import Path

import loopback
import pytest
from loopback import CONTENT, HALF, OTHER

from repro.errors import ReproError
from repro.fetch.sources import Source
from repro.fetch.transfer import Patience, obtain

IMPATIENT = Patience(silence=0.2, tries=3, pause=0.0)


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


#: What each fault leads to where there is no other address: the file, or why not.
TABLE = {
    "good": "the file",
    "stalls": "the file",
    "never_answers": "is silent for 0.2 s, 3 times in a row",
    "cuts_off": "the file",
    "always_cuts": "breaks off (ChunkedEncodingError), 3 times in a row",
    "ends_early": "the file",
    "says_too_much": f"says that the file has {len(CONTENT) + 1000} bytes, not {len(CONTENT)}",
    "says_too_little": f"says that the file has 1000 bytes, not {len(CONTENT)}",
    "gives_too_much": f"sends more than {len(CONTENT)} bytes",
    "wrong_bytes": "gives a file of another SHA-256, which was removed",
    "refuses_ranges": "the file",
    "wrong_range": "sends another range than it was asked for",
    "not_satisfiable": "has no more than the first ",
    "not_found": "answers 404 Not Found",
    "page": "sends a page instead of the file",
    "busy": "the file",
    "redirects": "the file",
    "redirects_in_a_circle": "redirects in a circle",
    "changes": "the file",
    "changes_unheeding": "the file",
}
#: Faults that leave a part, which a later run goes on from.
LEAVE_A_PART = {"always_cuts", "wrong_range", "not_satisfiable"}


def test_the_table_has_every_fault() -> None:
    assert TABLE.keys() == loopback.FAULTS.keys()


@pytest.mark.parametrize("fault", TABLE)
def test_a_server_gives_the_file_or_is_given_up_with_its_reason(
    server: loopback.Server, fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.bin"
    try:
        obtain(at(server, fault), path, IMPATIENT)
        outcome = "the file"
        assert path.read_bytes() == CONTENT
    except ReproError as error:
        outcome = str(error)
        assert not path.exists()
    assert TABLE[fault] in outcome
    assert path.with_name("file.bin.part").exists() == (fault in LEAVE_A_PART)


@pytest.mark.parametrize("fault", TABLE)
def test_the_next_address_makes_good_what_one_did(server: loopback.Server, fault: str, tmp_path: Path) -> None:
    obtain(at(server, fault, "good"), tmp_path / "file.bin", IMPATIENT)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]


def test_a_part_of_an_earlier_run_is_gone_on_from(server: loopback.Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    told: list[tuple[int, int]] = []
    obtain(at(server, "good"), tmp_path / "file.bin", IMPATIENT, lambda *done: told.append(done))
    assert server.asked[0] == ("/good", "bytes=1000-")
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_part_with_all_bytes_needs_no_server(server: loopback.Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    obtain(at(server, "not_found"), tmp_path / "file.bin", IMPATIENT)
    assert server.asked == []


@pytest.mark.parametrize("part", [OTHER[:1000], OTHER, CONTENT + b"more"])
def test_a_server_is_not_blamed_for_the_bytes_of_another(server: loopback.Server, part: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(part)
    obtain(at(server, "good"), tmp_path / "file.bin", IMPATIENT)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked[-1] == ("/good", None)


def test_a_stall_is_gone_on_from_where_it_began(server: loopback.Server, tmp_path: Path) -> None:
    obtain(at(server, "stalls"), tmp_path / "file.bin", IMPATIENT)
    (_, first), (_, second) = server.asked[:2]
    assert first is None
    assert second is not None
    assert HALF // 2 < int(second.removeprefix("bytes=").removesuffix("-")) <= HALF


def test_where_nothing_answers_one_line_says_which_file_where_to_put_it_and_its_hash(
    server: loopback.Server, tmp_path: Path
) -> None:
    source = at(server, "not_found", "page")
    with pytest.raises(ReproError) as error:
        obtain(source, tmp_path / "file.bin", IMPATIENT)
    line = str(error.value)
    assert "\n" not in line
    for told in ("file.bin", str(tmp_path / "file.bin"), source.sha256, "404", "sends a page", "nox -s fetch -- mvtec"):
        assert told in line


def test_a_port_where_nobody_listens_is_given_up(tmp_path: Path) -> None:
    with loopback.serving() as server:
        source = at(server, "good")
    with pytest.raises(ReproError, match="cannot be reached"):
        obtain(source, tmp_path / "file.bin", IMPATIENT)
