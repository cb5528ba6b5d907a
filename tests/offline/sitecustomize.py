"""Run by every Python that has this folder on its path: no address but the machine's own answers, and tries are noted.

The tries go to the file that $NETWORK_TRIES names, one a line.
"""

import os
import socket
import sys
from typing import Any

OWN = {"localhost", "127.0.0.1", "::1", "", None}


def _refuse(host: object) -> None:
    host = host.decode() if isinstance(host, bytes) else host
    if host in OWN:
        return
    with open(os.environ["NETWORK_TRIES"], "a", encoding="utf-8") as tries:  # noqa: PTH123
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
