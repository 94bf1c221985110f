"""`user hash`: the hash of a typed password, which no terminal shows, or of a line of standard input."""

import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner

from cc_bridge.cli import main
from cc_bridge.web.access.passwords import is_password

PASSWORD = "a-password-of-sara"


def test_a_line_of_standard_input_is_hashed():
    done = CliRunner().invoke(main, ["user", "hash"], input=f"{PASSWORD}\n")
    assert done.exit_code == 0
    assert is_password(PASSWORD, done.output.strip())


@pytest.mark.parametrize("password", ["", "short", "nine-char"])
def test_a_short_password_is_refused(password):
    done = CliRunner().invoke(main, ["user", "hash"], input=f"{password}\n")
    assert (done.exit_code, done.output) == (1, "Error: the password must have at least 10 characters\n")


def typed(*lines):
    """Type lines into the command in a terminal; return what the terminal shows."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cc_bridge", "user", "hash"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown, waiting = b"", list(lines)
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the command has ended
            break
        shown += part
        if part.rstrip().endswith(b":") and waiting:
            os.write(ours, f"{waiting.pop(0)}\n".encode())
    process.wait()
    os.close(ours)
    return shown.decode()


def test_a_terminal_asks_twice_and_shows_no_password():
    shown = typed(PASSWORD, PASSWORD)
    assert PASSWORD not in shown
    assert is_password(PASSWORD, shown.split()[-1])
    shown = typed(PASSWORD, "another-password", PASSWORD, PASSWORD)
    assert "do not match" in shown
    assert is_password(PASSWORD, shown.split()[-1])
