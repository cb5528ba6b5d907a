import signal
import subprocess
import sys
import time

#: A main thread in one long operation that lets other threads run.
BUSY = """
import hashlib, signal
from repro.workflow.interrupt import promptly
# A shell starts background processes with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with promptly():
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 28)
"""


def test_ctrl_c_ends_a_process_whose_main_thread_is_busy() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.3)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert time.monotonic() - start < 2
        assert process.stderr.read() == "stopped; the same command resumes where this one ended\n"
