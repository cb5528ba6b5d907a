"""Download a file and verify it, whatever servers and networks do."""

import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from repro.errors import ReproError
from repro.fetch.sources import Source
from repro.runs import sha256

CHUNK = 1 << 16
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Retry:
    """When a server is asked again, and how often."""

    #: Seconds without a byte before a request is given up.
    timeout: float = 30.0
    #: Requests in a row without progress before the address is given up.
    attempts: int = 4
    #: Seconds between two requests.
    delay: float = 3.0


class PermanentError(Exception):
    """The address does not deliver the file, and another request would not help."""


class TemporaryError(Exception):
    """The response did not complete the file; another may."""


def partial(path: Path) -> Path:
    """Path of the incomplete download of a file."""
    return path.with_name(f"{path.name}.part")


def download(source: Source, path: Path, retry: Retry, report: Report | None = None) -> None:
    """Download the file to `path` and verify its SHA-256.

    Incomplete bytes are kept in `NAME.part`, and this call or a later one resumes them at any address with range
    requests. `report` is called with the numbers of present and of all bytes. Raises ReproError if no address delivers
    the file; the part is kept unless its bytes are wrong.
    """
    part = partial(path)
    part.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    with requests.Session() as session:
        session.headers["Accept-Encoding"] = "identity"
        session.max_redirects = 8
        attempt = _Download(session, source, part, retry, report)
        for url in source.urls:
            try:
                attempt.verified(url)
            except PermanentError as error:
                reasons.append(f"{urlsplit(url).netloc} {error}")
                print(f"fetch {source.name}: {reasons[-1]}", file=sys.stderr, flush=True)
            except OSError as error:
                raise ReproError(
                    f"cannot be written ({error.strerror or error})",
                    where=part,
                    hint="free some space or repair its folder, then run the same command again; it resumes",
                ) from None
            else:
                part.replace(path)
                return
    raise ReproError(f"no address delivers it ({'; '.join(reasons)})", where=source.file, hint=source.hint(path))


@dataclass(frozen=True)
class _Download:
    session: requests.Session
    source: Source
    part: Path
    retry: Retry
    report: Report | None

    @property
    def size(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def verified(self, url: str) -> None:
        """Complete the part and verify it; PermanentError, and no part, if its SHA-256 differs."""
        in_one = self._complete(url)
        if sha256(self.part) == self.source.sha256:
            return
        self.part.unlink()
        if not in_one:
            # Bytes of another response or address may be wrong, so this address gets one attempt from the start.
            self._complete(url)
            if sha256(self.part) == self.source.sha256:
                return
            self.part.unlink()
        raise PermanentError("sends a file with another SHA-256, which was removed")

    def _complete(self, url: str) -> bool:
        """Request until all bytes are present; returns whether all are of one response."""
        in_one, etag, responded = False, None, False
        if self.size > self.source.bytes:
            self.part.unlink()
        furthest, attempts = self.size, self.retry.attempts
        while self.size < self.source.bytes:
            reason = "ends its response too early"
            try:
                with self._request(url, etag) as response:
                    responded = True
                    start = self._start(response)
                    etag = response.headers.get("ETag")
                    in_one = not start
                    self._append(response, start)
            except requests.TooManyRedirects:
                raise PermanentError("redirects in a circle") from None
            except requests.Timeout:
                reason = f"sends nothing for {self.retry.timeout:g} s"
            except requests.RequestException as error:
                if not responded and attempts < self.retry.attempts:
                    raise PermanentError(f"cannot be reached ({type(error).__name__})") from None
                # A timeout in the middle of the file is raised as another exception.
                silent = "timed out" in str(error)
                reason = f"sends nothing for {self.retry.timeout:g} s" if silent else f"fails ({type(error).__name__})"
            except TemporaryError as error:
                reason = str(error)
            size = self.size
            furthest, attempts = (size, self.retry.attempts) if size > furthest else (furthest, attempts - 1)
            if size < self.source.bytes:
                if not attempts:
                    raise PermanentError(f"{reason}, {self.retry.attempts} times in a row")
                time.sleep(self.retry.delay)
        return in_one

    def _request(self, url: str, etag: str | None) -> requests.Response:
        headers = {}
        if self.size:
            headers["Range"] = f"bytes={self.size}-"
            if etag and not etag.startswith("W/"):
                # If the file changed, the server then sends all of the new one.
                headers["If-Range"] = etag
        timeout = (self.retry.timeout, self.retry.timeout)
        return self.session.get(url, headers=headers, stream=True, timeout=timeout)

    def _start(self, response: requests.Response) -> int:
        """Position of the first byte of the response; PermanentError or TemporaryError if it is unusable."""
        done, status, expected = self.size, response.status_code, self.source.bytes
        if status == 416:
            raise PermanentError(f"has only the first {done} of {expected} bytes")
        if status == 429 or status >= 500:
            raise TemporaryError(f"answers {status}")
        if status not in (200, 206):
            raise PermanentError(f"answers {status} {response.reason}")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise PermanentError("sends a page instead of the file")
        start, total = 0, response.headers.get("Content-Length")
        if status == 206:
            match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if not match or int(match[1]) != done:
                raise PermanentError("sends another range than requested")
            start, total = done, match[2]
            requested = response.request.headers.get("If-Range")
            if requested and response.headers.get("ETag") != requested:
                self.part.unlink()
                raise TemporaryError("changes the file during the download")
        if total and total.isdigit() and int(total) != expected:
            raise PermanentError(f"has a file of {total} bytes, not {expected}")
        return start

    def _append(self, response: requests.Response, start: int) -> None:
        with self.part.open("ab" if start else "wb") as stream:
            for chunk in response.iter_content(CHUNK):
                start += len(chunk)
                if start > self.source.bytes:
                    break
                stream.write(chunk)
                if self.report:
                    self.report(start, self.source.bytes)
        if start > self.source.bytes:
            self.part.unlink()
            raise PermanentError(f"sends more than {self.source.bytes} bytes")
