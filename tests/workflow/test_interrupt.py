import signal
import subprocess
import sys
import time

#: A main thread that is deep in one operation, which lets other threads run, for far longer than anyone waits.
DEEP = """
import hashlib, signal
from repro.workflow.interrupt import promptly
# A shell has what it starts in the background ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
with promptly():
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 28)
"""


def test_ctrl_c_ends_a_process_whose_main_thread_is_deep_in_an_operation() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DEEP], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.3)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert time.monotonic() - begun < 2
        assert process.stderr.read() == "stopped; the same command resumes where this one ended\n"
