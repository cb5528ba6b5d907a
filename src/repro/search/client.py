"""Clients of Qdrant, embedded or on a server."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from qdrant_client import QdrantClient

from repro.errors import AGAIN, ReproError


@contextmanager
def connect(url: str | None, scratch: Path) -> Iterator[QdrantClient]:
    """Connect to the server at `url`, or without one to an embedded Qdrant with a temporary store below `scratch`.

    Raises ReproError where no server answers or the store cannot be written.
    """
    if url is None:
        with _embedded(scratch) as client:
            yield client
        return
    hint = "start the server or leave --qdrant-url out to search embedded"
    try:
        client = QdrantClient(url=url, timeout=10, check_compatibility=False)
        client.get_collections()
    except Exception as error:
        # qdrant-client raises whatever its transports raise; all of it means that the server cannot be used.
        raise ReproError(f"no Qdrant answers ({type(error).__name__})", where=url, hint=hint) from None
    try:
        yield client
    finally:
        client.close()


@contextmanager
def _embedded(scratch: Path) -> Iterator[QdrantClient]:
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch, prefix="qdrant-") as folder:
        try:
            client = QdrantClient(path=folder)
            try:
                yield client
            finally:
                client.close()
        except sqlite3.OperationalError as error:
            hint = f"free some space there, {AGAIN}"
            raise ReproError(f"cannot be written ({error})", where=scratch, hint=hint) from None
