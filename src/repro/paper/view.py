"""Serve: the page of a report, for a browser on this machine."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from repro.errors import ReproError
from repro.runs import RunFolder


class SilentHandler(SimpleHTTPRequestHandler):
    """Serves files without logging requests."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


def create_server(folder: RunFolder, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """A server of the reports on loopback, and the address of the study's page; port 0 is any free one.

    Raises ReproError where the page was not rendered or the port cannot be used.
    """
    page = folder.report / "paper.html"
    if not page.is_file():
        raise ReproError("no such file", where=page, hint="run `nox -s render`")
    handler = partial(SilentHandler, directory=str(folder.report.parent))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        raise ReproError(str(error), where=f"port {port}", hint="choose another with --port") from None
    return server, f"http://127.0.0.1:{server.server_port}/{folder.study}/{page.name}"


def serve(folder: RunFolder, port: int = 0) -> None:
    """Print the address and serve until interrupted."""
    server, address = create_server(folder, port)
    print(f"{address} (stop with Ctrl-C)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("stopped")
    finally:
        server.server_close()
