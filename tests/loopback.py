"""A real HTTP server on this machine whose paths misbehave, each in its own way."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

CONTENT = bytes(range(256)) * 1200
OTHER = CONTENT[::-1]
#: Where an answer that does not reach the end stops.
HALF = len(CONTENT) // 2


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self.close_connection = True
        asked = self.headers.get("Range")
        self.server.asked.append((self.path, asked))
        found = re.fullmatch(r"bytes=(\d+)-", asked or "")
        times = sum(path == self.path for path, _ in self.server.asked)
        FAULTS[self.path.strip("/")](self, int(found[1]) if found else 0, times)

    def begin(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()

    def give(self, start: int, end: int | None = None, content: bytes = CONTENT, **headers: object) -> None:
        """Answer a range request as servers should; `end` is where the connection is cut."""
        ranged = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        self.begin(206 if start else 200, Content_Length=len(content) - start, **ranged, **headers)
        self.wfile.write(content[start:end])


class Server(ThreadingHTTPServer):
    daemon_threads = True
    asked: list[tuple[str, str | None]]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no fault of ours."""


@contextmanager
def serving() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def good(request: Handler, start: int, times: int) -> None:
    request.give(start)


def stalls(request: Handler, start: int, times: int) -> None:
    """Is silent for longer than it is waited for, in the middle of its first answer."""
    request.give(start, HALF if times == 1 else None)
    request.wfile.flush()
    if times == 1:
        time.sleep(0.4)


def never_answers(request: Handler, start: int, times: int) -> None:
    time.sleep(0.4)


def cuts_off(request: Handler, start: int, times: int) -> None:
    """Gives a third of what is left, again and again, then all."""
    request.give(start, start + (len(CONTENT) - start) // 3 if times < 4 else None)


def always_cuts(request: Handler, start: int, times: int) -> None:
    """Never gets further than half."""
    request.give(start, HALF)


def ends_early(request: Handler, start: int, times: int) -> None:
    """Says nothing of a length, and ends as if all were there."""
    if start:
        request.give(start)
        return
    request.begin(200)
    request.wfile.write(CONTENT[:HALF])


def says_too_much(request: Handler, start: int, times: int) -> None:
    request.begin(200, Content_Length=len(CONTENT) + 1000)
    request.wfile.write(CONTENT)


def says_too_little(request: Handler, start: int, times: int) -> None:
    request.begin(200, Content_Length=1000)
    request.wfile.write(CONTENT)


def gives_too_much(request: Handler, start: int, times: int) -> None:
    request.begin(200)
    request.wfile.write(CONTENT + b"more")


def wrong_bytes(request: Handler, start: int, times: int) -> None:
    request.give(start, content=OTHER)


def refuses_ranges(request: Handler, start: int, times: int) -> None:
    request.begin(200, Content_Length=len(CONTENT))
    request.wfile.write(CONTENT[: HALF if times == 1 else None])


def wrong_range(request: Handler, start: int, times: int) -> None:
    """Answers with the range that comes after what it was asked for."""
    if not start:
        request.give(0, HALF)
        return
    later = start + 100
    request.begin(206, Content_Range=f"bytes {later}-{len(CONTENT) - 1}/{len(CONTENT)}")
    request.wfile.write(CONTENT[later:])


def not_satisfiable(request: Handler, start: int, times: int) -> None:
    if not start:
        request.give(0, HALF)
        return
    request.begin(416, Content_Range=f"bytes */{HALF}", Content_Length=0)


def not_found(request: Handler, start: int, times: int) -> None:
    request.begin(404, Content_Length=0)


def page(request: Handler, start: int, times: int) -> None:
    request.begin(200, Content_Type="text/html; charset=utf-8")
    request.wfile.write(b"<html>please log in</html>")


def busy(request: Handler, start: int, times: int) -> None:
    if times < 3:
        request.begin(503, Content_Length=0)
        return
    request.give(start)


def redirects(request: Handler, start: int, times: int) -> None:
    request.begin(302, Location="/good", Content_Length=0)


def redirects_in_a_circle(request: Handler, start: int, times: int) -> None:
    request.begin(302, Location="/redirects_in_a_circle", Content_Length=0)


def changes(request: Handler, start: int, times: int) -> None:
    """Another file was there for the first request; `If-Range` is heeded."""
    if times == 1:
        request.give(0, HALF, OTHER, ETag='"old"')
        return
    request.give(start if request.headers.get("If-Range") == '"new"' else 0, ETag='"new"')


def changes_unheeding(request: Handler, start: int, times: int) -> None:
    """The same, by a server that goes on in the new file whatever it is asked."""
    if times == 1:
        request.give(0, HALF, OTHER, ETag='"old"')
        return
    request.give(start, ETag='"new"')


FAULTS: dict[str, Callable[[Handler, int, int], None]] = {
    fault.__name__: fault
    for fault in (
        *(good, stalls, never_answers, cuts_off, always_cuts, ends_early, says_too_much, says_too_little),
        *(gives_too_much, wrong_bytes, refuses_ranges, wrong_range, not_satisfiable, not_found, page, busy),
        *(redirects, redirects_in_a_circle, changes, changes_unheeding),
    )
}
