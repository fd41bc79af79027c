"""`mxhub run` on a terminal: a live table, and a clean end on Ctrl-C."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pytest

from tests.factories.process import MXHUB, clean_environment

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey")]

_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
ROWS, COLUMNS = 40, 140


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, folder, *arguments):
        try:
            self.master, slave = pty.openpty()
        except OSError as error:  # a bare chroot has no /dev/pts
            pytest.skip(f"this machine has no pseudo-terminals: {error}")
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = clean_environment(TERM="xterm-256color")
        del environment["COLUMNS"], environment["NO_COLOR"]
        self.process = subprocess.Popen(
            [MXHUB, *arguments], cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one ioctl
        )  # fmt: skip
        os.close(slave)
        self.shown = b""

    def read(self, seconds):
        """What appeared within the time."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            ready, _, _ = select.select([self.master], [], [], left)
            try:
                if not ready or not (data := os.read(self.master, 65536)):
                    return
            except OSError:  # the other side is closed
                return
            self.shown += data

    def text(self):
        return _CONTROL.sub(b"", self.shown).decode(errors="replace")

    def until(self, *words, within_s=20):
        ends = time.monotonic() + within_s
        while not all(word in self.text() for word in words):
            assert time.monotonic() < ends, self.text()[-3000:]
            self.read(0.2)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(folder):
    shown = Terminal(folder, "run", "--listen", "127.0.0.1:0")
    yield shown
    shown.close()


def test_the_table_shows_events_books_and_what_to_try_and_ctrl_c_ends_it(terminal):
    terminal.until("events recorded", "everything", "alerts", "quarantine.", "mxhub events")

    os.write(terminal.master, b"\x03")
    terminal.until("mxhub: stopped")
    code = terminal.process.wait(15)

    text = terminal.text()
    header = next(line for line in text.splitlines() if "connector" in line and "recorded" in line)
    assert header.split() == [
        "connector", "recorded", "delivered", "filtered", "dropped", "parked", "pending", "lag", "state",
    ]  # fmt: skip
    assert code == 0
    assert "Traceback" not in text
    assert terminal.shown.rindex(b"\x1b[?25h") > terminal.shown.rindex(b"\x1b[?25l")
