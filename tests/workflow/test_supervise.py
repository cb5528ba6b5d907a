import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from repro.workflow.supervise import supervise

#: A command that starts another, prints its process id, and waits.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
child.wait()
"""
#: A process that supervises that command.
SUPERVISOR = """
import os, signal, sys
from pathlib import Path
from repro.workflow.supervise import supervise
# A shell starts background processes with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    print(supervise([sys.executable, "-c", sys.argv[1]], Path.cwd(), os.environ))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_status_and_error_lines_are_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import sys; print('error: a: b; c', file=sys.stderr); print('error', file=sys.stderr); sys.exit(3)"
    assert supervise([sys.executable, "-c", code], Path.cwd(), {}) == (3, ["error: a: b; c"])
    assert capfd.readouterr().err == "error: a: b; c\nerror\n"


def ends(pid: int) -> bool:
    """Whether a process ends within two seconds."""
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_end_of_the_supervisor_ends_the_command_and_its_children(sent: signal.Signals) -> None:
    children: list[psutil.Process] = []
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR, PARENT], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        grandchild = int(supervisor.stdout.readline())
        children += psutil.Process(supervisor.pid).children(recursive=True)
        supervisor.send_signal(sent)
        assert supervisor.stdout.read() == ("interrupted\n" if sent == signal.SIGINT else "")
    assert all(ends(pid) for pid in [grandchild, *(child.pid for child in children)])


def test_background_processes_of_a_command_are_ended_with_it() -> None:
    code = "import subprocess, sys; subprocess.Popen(['sleep', '60'])"
    start = time.monotonic()
    assert supervise([sys.executable, "-c", code], Path.cwd(), {"PATH": "/bin:/usr/bin"}) == (0, [])
    assert time.monotonic() - start < 10
