"""Transfer: a file's addresses in, the verified file out, whatever servers and networks do on the way."""

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
class Patience:
    """How long and how often a server is waited for."""

    #: Seconds without a byte before it is asked again.
    silence: float = 30.0
    #: Times in a row that it may bring the file no further.
    tries: int = 4
    #: Seconds before it is asked again.
    pause: float = 3.0


class RefusedError(Exception):
    """This address does not give the file, and asking again would not help."""


class AgainError(Exception):
    """This answer did not bring the file to its end; another may."""


def obtain(source: Source, path: Path, patience: Patience, report: Report | None = None) -> None:
    """Leave the file at `path`, its SHA-256 that of the table.

    What has come so far lies beside it as `NAME.part`, and this call or a later one resumes it, at whichever
    address takes range requests; every byte is under the SHA-256. `report` is called with bytes there and in all.
    Raises ReproError where no address gives the file; the part is kept, unless its bytes were proved wrong.
    """
    part = path.with_name(f"{path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    with requests.Session() as session:
        session.headers["Accept-Encoding"] = "identity"
        session.max_redirects = 8
        for url in source.urls:
            try:
                _verified(session, url, source, part, patience, report)
            except RefusedError as refusal:
                reasons.append(f"{urlsplit(url).netloc} {refusal}")
                print(f"fetch {source.name}: {reasons[-1]}", file=sys.stderr, flush=True)
            except OSError as error:
                raise ReproError(
                    f"cannot be written ({error.strerror or error})",
                    where=part,
                    hint="make room or repair its folder and run the same command again; what is there is kept",
                ) from None
            else:
                part.replace(path)
                return
    raise ReproError(
        f"no address gives it ({'; '.join(reasons)})",
        where=source.file,
        hint=source.hint(path),
    )


def _verified(
    session: requests.Session, url: str, source: Source, part: Path, patience: Patience, report: Report | None
) -> None:
    """Bring the part to its end and prove it; RefusedError, and no part, where its SHA-256 is another."""
    in_one = _complete(session, url, source, part, patience, report)
    if sha256(part) == source.sha256:
        return
    part.unlink()
    if not in_one:
        # Put together from several answers, or of another address: this one is judged by a whole file of its own.
        _complete(session, url, source, part, patience, report)
        if sha256(part) == source.sha256:
            return
        part.unlink()
    raise RefusedError("gives a file of another SHA-256, which was removed")


def _complete(
    session: requests.Session, url: str, source: Source, part: Path, patience: Patience, report: Report | None
) -> bool:
    """Ask until all bytes are there; whether they are of one answer."""
    in_one, etag, came = False, None, False
    if _size(part) > source.bytes:
        part.unlink()
    furthest, tries = _size(part), patience.tries
    while _size(part) < source.bytes:
        reason = "ends its answer too early"
        try:
            with _ask(session, url, _size(part), patience, etag) as answer:
                came = True
                start = _start(answer, source, part)
                etag = answer.headers.get("ETag")
                in_one = not start
                _append(answer, source, part, start, report)
        except requests.TooManyRedirects:
            raise RefusedError("redirects in a circle") from None
        except requests.Timeout:
            reason = f"is silent for {patience.silence:g} s"
        except requests.RequestException as error:
            if not came and tries < patience.tries:
                raise RefusedError(f"cannot be reached ({type(error).__name__})") from None
            # A silence in the middle of the file comes as another kind of error.
            silent = "timed out" in str(error)
            reason = f"is silent for {patience.silence:g} s" if silent else f"breaks off ({type(error).__name__})"
        except AgainError as again:
            reason = str(again)
        size = _size(part)
        furthest, tries = (size, patience.tries) if size > furthest else (furthest, tries - 1)
        if size < source.bytes:
            if not tries:
                raise RefusedError(f"{reason}, {patience.tries} times in a row")
            time.sleep(patience.pause)
    return in_one


def _ask(session: requests.Session, url: str, done: int, patience: Patience, etag: str | None) -> requests.Response:
    headers = {}
    if done:
        headers["Range"] = f"bytes={done}-"
        if etag and not etag.startswith("W/"):
            # A server whose file changed then sends the new one whole.
            headers["If-Range"] = etag
    return session.get(url, headers=headers, stream=True, timeout=(patience.silence, patience.silence))


def _start(answer: requests.Response, source: Source, part: Path) -> int:
    """The byte that the answer begins with; RefusedError or AgainError where it is no use."""
    done, status = _size(part), answer.status_code
    if status == 416:
        raise RefusedError(f"has no more than the first {done} bytes of {source.bytes}")
    if status == 429 or status >= 500:
        raise AgainError(f"answers {status}")
    if status not in (200, 206):
        raise RefusedError(f"answers {status} {answer.reason}")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise RefusedError("sends a page instead of the file")
    start, total = 0, answer.headers.get("Content-Length")
    if status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if not found or int(found[1]) != done:
            raise RefusedError("sends another range than it was asked for")
        start, total = done, found[2]
        asked = answer.request.headers.get("If-Range")
        if asked and answer.headers.get("ETag") != asked:
            part.unlink()
            raise AgainError("changes the file meanwhile")
    if total and total.isdigit() and int(total) != source.bytes:
        raise RefusedError(f"says that the file has {total} bytes, not {source.bytes}")
    return start


def _append(answer: requests.Response, source: Source, part: Path, start: int, report: Report | None) -> None:
    with part.open("ab" if start else "wb") as stream:
        for chunk in answer.iter_content(CHUNK):
            start += len(chunk)
            if start > source.bytes:
                break
            stream.write(chunk)
            if report:
                report(start, source.bytes)
    if start > source.bytes:
        part.unlink()
        raise RefusedError(f"sends more than {source.bytes} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
