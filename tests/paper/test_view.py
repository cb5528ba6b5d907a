import threading
import urllib.request
from pathlib import Path

import example_report
import pytest

from repro.errors import ReproError
from repro.paper.view import create_server
from repro.runs import write_text


def test_the_page_and_its_files_are_served_on_loopback(tmp_path: Path) -> None:
    folder = example_report.build(tmp_path)
    write_text(folder.report / "paper.html", "<p>the page</p>")
    server, address = create_server(folder)
    assert server.server_address[0] == "127.0.0.1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        assert urllib.request.urlopen(address).read() == b"<p>the page</p>"
        results = address.replace("paper.html", "results.json")
        assert urllib.request.urlopen(results).read() == (folder.report / "results.json").read_bytes()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_page_that_was_not_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match="nox -s render"):
        create_server(example_report.build(tmp_path))
