"""An HTTP server on the loopback interface; each of its paths misbehaves in another way."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

CONTENT = bytes(range(256)) * 1200
OTHER = CONTENT[::-1]
#: Where an incomplete response stops.
HALF = len(CONTENT) // 2


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self.close_connection = True
        requested = self.headers.get("Range")
        self.server.asked.append((self.path, requested))
        match = re.fullmatch(r"bytes=(\d+)-", requested or "")
        times = sum(path == self.path for path, _ in self.server.asked)
        FAULTS[self.path.strip("/")](self, int(match[1]) if match else 0, times)

    def begin(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()

    def give(self, start: int, end: int | None = None, content: bytes = CONTENT, **headers: object) -> None:
        """Answer a range request correctly; the connection is closed at `end`."""
        ranged = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        self.begin(206 if start else 200, Content_Length=len(content) - start, **ranged, **headers)
        self.wfile.write(content[start:end])


class Server(ThreadingHTTPServer):
    daemon_threads = True
    asked: list[tuple[str, str | None]]

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect."""


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
    """Stops in the middle of the first response for longer than the client waits."""
    request.give(start, HALF if times == 1 else None)
    request.wfile.flush()
    if times == 1:
        time.sleep(0.4)


def never_answers(request: Handler, start: int, times: int) -> None:
    time.sleep(0.4)


def cuts_off(request: Handler, start: int, times: int) -> None:
    """Sends a third of the remaining bytes three times, then all of them."""
    request.give(start, start + (len(CONTENT) - start) // 3 if times < 4 else None)


def always_cuts(request: Handler, start: int, times: int) -> None:
    """Never sends more than half."""
    request.give(start, HALF)


def ends_early(request: Handler, start: int, times: int) -> None:
    """Ends the first response early, without a length."""
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
    """Sends a later range than the requested one."""
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
    """Serves another file on the first request; respects `If-Range`."""
    if times == 1:
        request.give(0, HALF, OTHER, ETag='"old"')
        return
    request.give(start if request.headers.get("If-Range") == '"new"' else 0, ETag='"new"')


def changes_unheeding(request: Handler, start: int, times: int) -> None:
    """The same, but ignores `If-Range` and continues in the new file."""
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
