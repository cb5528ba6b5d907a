import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from repro.workflow.supervise import supervise

#: A command that starts another, says which, and waits.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
child.wait()
"""
#: Us: a process that supervises that command.
SUPERVISOR = """
import os, signal, sys
from pathlib import Path
from repro.workflow.supervise import supervise
# A shell has what it starts in the background ignore Ctrl-C.
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


def gone(pid: int) -> bool:
    """Within two seconds."""
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_whatever_ends_us_ends_the_command_and_all_it_started(blow: signal.Signals) -> None:
    began: list[psutil.Process] = []
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR, PARENT], stdout=subprocess.PIPE, text=True) as us:
        assert us.stdout is not None
        grandchild = int(us.stdout.readline())
        began += psutil.Process(us.pid).children(recursive=True)
        us.send_signal(blow)
        assert us.stdout.read() == ("interrupted\n" if blow == signal.SIGINT else "")
    assert all(gone(pid) for pid in [grandchild, *(one.pid for one in began)])


def test_what_a_command_leaves_behind_is_ended_with_it() -> None:
    code = "import subprocess, sys; subprocess.Popen(['sleep', '60'])"
    begun = time.monotonic()
    assert supervise([sys.executable, "-c", code], Path.cwd(), {"PATH": "/bin:/usr/bin"}) == (0, [])
    assert time.monotonic() - begun < 10
