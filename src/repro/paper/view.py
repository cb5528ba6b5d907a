"""Serve: the page of a report, for a browser on this machine."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from repro.errors import ReproError
from repro.runs import RunFolder


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


def server(folder: RunFolder, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """A server of the reports on loopback and the address of the study's page; a free port where it is 0."""
    page = folder.report / "paper.html"
    if not page.is_file():
        raise ReproError("no such file", where=page, hint="run `nox -s render`")
    handler = partial(Quiet, directory=str(folder.report.parent))
    try:
        made = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        raise ReproError(str(error), where=f"port {port}", hint="choose another with --port") from None
    return made, f"http://127.0.0.1:{made.server_port}/{folder.study}/{page.name}"


def serve(folder: RunFolder, port: int = 0) -> None:
    """Print the address and serve until interrupted."""
    made, address = server(folder, port)
    print(f"{address} (stop with Ctrl-C)", flush=True)
    try:
        made.serve_forever()
    except KeyboardInterrupt:
        print("stopped")
    finally:
        made.server_close()
