"""The program that listens on a port: on this machine, and FreePBX's server in a made-up /proc."""

import os
import pwd
import socket

import pytest

from cc_bridge.daemon.process.port_holder import PortHolder, is_listening, port_holder

ROW = "   0: 0100007F:{port:04X} 00000000:0000 {state} 0:0 00:00000000 00000000  {user} 0 {inode} 1\n"
NODE = "node /var/www/html/admin/modules/core/node/fastagi-server.js"


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_program_of_this_machine(listening):
    holder = port_holder(listening)
    assert (holder.pid, holder.user) == (os.getpid(), pwd.getpwuid(os.getuid()).pw_name)
    assert "pytest" in holder.command
    assert not holder.is_freepbx
    assert f"(process {os.getpid()}, user " in str(holder)
    assert is_listening(listening)


def test_a_port_that_is_free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert port_holder(port) is None
    assert is_listening(port) is False


@pytest.fixture
def proc(tmp_path):
    """Return a function that makes a /proc folder with a program and its socket."""

    def lay_out(port, command="", *, user=0, state="0A", table="tcp"):
        (tmp_path / "net").mkdir()
        (tmp_path / "net" / table).write_text(
            "head\n" + ROW.format(port=port, state=state, user=user, inode=7)
        )
        (tmp_path / "1" / "fd").mkdir(parents=True)
        (tmp_path / "1" / "fd" / "0").symlink_to("socket:[8]")
        if command:
            (tmp_path / "12" / "fd").mkdir(parents=True)
            (tmp_path / "12" / "fd" / "5").symlink_to("socket:[7]")
            (tmp_path / "12" / "cmdline").write_bytes(command.replace(" ", "\0").encode() + b"\0")
        return tmp_path

    return lay_out


def test_freepbxs_server_is_known_by_its_script(proc):
    holder = port_holder(4573, proc(4573, NODE))
    assert holder.is_freepbx
    assert str(holder) == f"FreePBX's FastAGI server core-fastagi `{NODE}` (process 12, user root)"


def test_a_program_that_this_user_cannot_see_is_named_by_its_user(proc):
    holder = port_holder(8000, proc(8000, user=4294967294, table="tcp6"))
    assert (holder.pid, holder.command) == (None, "")
    assert str(holder) == "a program (user 4294967294)"


def test_in_a_sandbox_freepbxs_port_says_whose_it_is(proc):
    holder = port_holder(4573, proc(4573, user=65534))
    assert str(holder) == "probably FreePBX's FastAGI server core-fastagi (user unknown)"


def test_a_connection_is_no_listening_program(proc):
    folder = proc(8000, NODE, state="01")
    assert port_holder(8000, folder) is None
    assert is_listening(8000, folder) is False


def test_a_system_without_the_tables(tmp_path):
    assert is_listening(80, tmp_path) is None
    assert port_holder(80, tmp_path) is None


@pytest.mark.parametrize(
    ("port", "user", "command", "freepbx"),
    [
        (4573, "asterisk", "node /x/server.js", True),
        (4573, "asterisk", "/usr/bin/php8.2 /x/server.php", True),
        (4573, "asterisk", "", True),  # as without the rights of root
        (4573, "asterisk", "python3 -m cc_bridge run", False),
        (4573, "root", "node /x/server.js", False),
        (8000, "asterisk", "node /x/server.js", False),
        (8000, "asterisk", NODE, True),
    ],
)
def test_what_counts_as_freepbxs_server(port, user, command, freepbx):
    assert PortHolder(port, user, None, command).is_freepbx is freepbx


def test_a_command_steers_no_terminal_and_is_short(proc):
    holder = port_holder(80, proc(80, "bad\x1b[2J" + "x" * 500))
    assert "\x1b" not in str(holder)
    assert len(str(holder)) < 150
