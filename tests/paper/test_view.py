import threading
import urllib.request
from pathlib import Path

import example_report
import pytest

from repro.errors import ReproError
from repro.paper.view import server
from repro.runs import write_text


def test_the_page_is_served_on_loopback_with_its_files_beside_it(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    write_text(folder.report / "paper.html", "<p>the page</p>")
    made, address = server(folder)
    assert made.server_address[0] == "127.0.0.1"
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    try:
        assert urllib.request.urlopen(address).read() == b"<p>the page</p>"
        beside = address.replace("paper.html", "results.json")
        assert urllib.request.urlopen(beside).read() == (folder.report / "results.json").read_bytes()
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


def test_a_page_that_was_not_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="nox -s render"):
        server(example_report.build(tmp_path))
