"""Serve: import what stages need once, and run each stage that asks as a fork of this process.

`python -m repro.serve STAGE ... -- COMMAND ...` runs a command, Snakemake's, and serves the stages that it calls; they
ask through `repro.workflow.preloaded`. What the stages named first need is imported at once.
"""

import importlib
import json
import multiprocessing
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from repro import cli
from repro.gpus import gpus
from repro.pipeline import BY_NAME
from repro.workflow.preloaded import ADDRESS, SEPARATOR


@dataclass
class Server:
    """Forks a process for each request, until the command that it serves ends."""

    listener: socket.socket
    selector: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)
    #: Whether forks can use CUDA; None: not tried yet.
    cuda: bool | None = None

    def serve(self, process: "subprocess.Popen[bytes]") -> int:
        """Answer requests until `process` ends; returns its exit status."""
        ended = os.pidfd_open(process.pid)
        self.selector.register(ended, selectors.EVENT_READ)
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        while process.poll() is None:
            for key, _ in self.selector.select():
                if key.data:
                    key.data()
        for child in multiprocessing.active_children():
            child.kill()
        return _as_shell(process.returncode)

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        line = connection.makefile("rb").readline()
        if not line:
            connection.close()
            return
        request = json.loads(line)
        name = request["arguments"][0]
        # A process of its own reports what is wrong with a module that cannot be imported.
        separate = not _load(name) or (BY_NAME[name].gpu and not self._cuda_works(request["environment"]))
        child = multiprocessing.get_context("fork").Process(
            target=_run, args=(request["arguments"], request["environment"], separate)
        )
        child.start()
        self.selector.register(child.sentinel, selectors.EVENT_READ, partial(self._finish, child, connection))
        self.selector.register(connection, selectors.EVENT_READ, child.kill)

    def _finish(self, child: BaseProcess, connection: socket.socket) -> None:
        self.selector.unregister(child.sentinel)
        self.selector.unregister(connection)
        child.join()
        status = child.exitcode or 0
        with connection, suppress(OSError):
            connection.sendall(f"{_as_shell(status)}\n".encode())

    def _cuda_works(self, environment: Mapping[str, str]) -> bool:
        if self.cuda is None:
            self.cuda = True
            if gpus("auto"):
                trial = multiprocessing.get_context("fork").Process(target=_use_cuda, args=(environment,))
                trial.start()
                trial.join()
                self.cuda = trial.exitcode == 0
        return self.cuda


def _as_shell(status: int) -> int:
    """An exit status as a shell reports it: 128 and the signal for a process that a signal ended."""
    return status if status >= 0 else 128 - status


def _load(name: str) -> bool:
    """Import the module of a stage, and all that it imports; whether that succeeded."""
    try:
        importlib.import_module(f"repro.stages.{BY_NAME[name].rule}")
    except Exception:  # noqa: BLE001 - importing runs the code of many libraries
        return False
    return True


def _run(arguments: list[str], environment: dict[str, str], separate: bool) -> None:
    """Be a process that runs one command, with `separate` a new one in the place of this one."""
    command = [sys.executable, "-m", "repro", *arguments]
    if separate:
        os.execve(command[0], command, environment)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv, sys.orig_argv = ["repro", *arguments], command
    if threads := int(environment.get("OMP_NUM_THREADS", 0)):
        _limit_threads(threads)
    sys.exit(cli.main(arguments))


def _limit_threads(threads: int) -> None:
    """Libraries read $OMP_NUM_THREADS when they are loaded, which was before the fork."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def _use_cuda(environment: dict[str, str]) -> None:
    import torch

    os.environ.update(environment)
    torch.zeros(1, device="cuda")


def main(stages: Sequence[str], command: Sequence[str]) -> int:
    """Run a command and serve the stages that it calls; returns its exit status."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    with tempfile.TemporaryDirectory(prefix="repro-") as folder, socket.socket(socket.AF_UNIX) as listener:
        address = str(Path(folder) / "stages")
        try:
            listener.bind(address)
        except OSError:
            # Too long a path.
            return subprocess.call(command)
        listener.listen(128)
        process = subprocess.Popen(command, env=os.environ | {ADDRESS: address})
        for stage in stages:
            _load(stage)
        return Server(listener).serve(process)


if __name__ == "__main__":
    _separator = sys.argv.index(SEPARATOR)
    sys.exit(main(sys.argv[1:_separator], sys.argv[_separator + 1 :]))
