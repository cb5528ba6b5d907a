"""Preloaded: run a command of `repro` as a fork of the process that `repro.serve` is, where there is one.

Importing torch and anomalib takes seconds, as long as training PatchCore on a small category. Only Linux forks safely
after such imports; elsewhere, and on clusters, each stage is a process of its own.
"""

import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence

#: Names the socket of the preloading process to the stages that it serves.
ADDRESS = "REPRO_PRELOADED"
#: glibc hands large blocks back to the kernel and asks for them again in every training step of EfficientAD, which cost
#: a third of the time where it was measured; these keep them. They change no number.
ALLOCATOR = {
    "MALLOC_MMAP_MAX_": str(0),
    "MALLOC_TOP_PAD_": str(2**28),
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
    "THP_MEM_ALLOC_ENABLE": str(1),
}
#: CUDA cannot be used in a fork of a process that has initialised it; with this, torch counts devices without that.
#: https://docs.pytorch.org/docs/stable/notes/cuda.html#device-agnostic-code
COUNT_BY_NVML = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
SEPARATOR = "--"
#: What a shell reports of a process that SIGKILL ended.
KILLED = 137


def preloading(command: Sequence[str], stages: Sequence[str] = ()) -> list[str]:
    """The command that runs `command`, such as Snakemake's, and serves the stages that it calls.

    What `stages` need is imported at once; of others, when they are called.
    """
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-m", "repro.serve", *stages, SEPARATOR, *command]


def serving(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for `preloading`: what the allocator reads when a process starts; the caller's choice wins."""
    return ALLOCATOR | COUNT_BY_NVML | dict(environment)


def ask(arguments: Sequence[str]) -> int | None:
    """Run a command of `repro` as a fork of the preloading process; None where there is none to ask.

    The fork ends when this process ends.
    """
    address = os.environ.get(ADDRESS)
    if address is None:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
        except OSError:
            return None
        environment = {name: value for name, value in os.environ.items() if name != ADDRESS}
        request = {"arguments": list(arguments), "environment": environment}
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = connection.makefile("rb").readline()
    return int(answer) if answer else KILLED
