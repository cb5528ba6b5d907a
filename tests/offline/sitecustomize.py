"""Run by every Python that has this folder on its path: it reaches this machine alone, and its files are noted.

Tries to reach others go to the file that $NETWORK_TRIES names, one a line. The project's files that a process opens or
renames go to the one that $OPENED_FILES names, one JSON list a line: arguments, `read`, `write` or `rename`, and paths.
"""

# pathlib would open files of its own.
# ruff: noqa: PTH100, PTH113, PTH123

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).parents[2]) + os.sep
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

OWN = {"localhost", "127.0.0.1", "::1", "", None}


def _refuse(host: object) -> None:
    host = host.decode() if isinstance(host, bytes) else host
    if host in OWN:
        return
    with open(os.environ["NETWORK_TRIES"], "a", encoding="utf-8") as tries:
        tries.write(f"{host} by {' '.join(sys.orig_argv)}\n")
    raise OSError(f"the network is out of reach: {host}")


class Offline(socket.socket):
    def connect(self, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            _refuse(address[0])
        super().connect(address)

    def connect_ex(self, address: Any) -> int:
        if self.family != socket.AF_UNIX:
            _refuse(address[0])
        return super().connect_ex(address)


def _getaddrinfo(host: Any, *more: Any, **named: Any) -> Any:
    _refuse(host)
    return _resolve(host, *more, **named)


_resolve = socket.getaddrinfo
socket.getaddrinfo = _getaddrinfo
socket.socket = Offline  # type: ignore[misc]


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and not isinstance(arguments[0], int):
        kind, names = ("write" if arguments[2] & WRITES else "read"), arguments[:1]
    elif event == "os.rename":
        kind, names = "rename", arguments[:2]
    else:
        return
    paths = [os.path.abspath(os.fsdecode(name)) for name in names]
    inside = [path.removeprefix(ROOT) for path in paths if path.startswith(ROOT)]
    # Not those of environments and caches, which lie in hidden folders.
    if inside and not inside[0].startswith(".") and (kind != "read" or os.path.isfile(paths[0])):
        os.write(_notes, (json.dumps([sys.orig_argv, kind, *inside]) + "\n").encode())


if "OPENED_FILES" in os.environ:
    _notes = os.open(os.environ["OPENED_FILES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    sys.addaudithook(_note)
