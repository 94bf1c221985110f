"""Recordings and logs in practice: compressed, with other line ends, without timestamps."""

import bz2
import gzip
import lzma

import pytest
from click.testing import CliRunner

from cc_bridge.cli import main
from cc_bridge.errors import UnreadableFile
from cc_bridge.offline.files import ami_line_ends, uncompressed
from support.paths import FIXTURES
from support.recordings import recording

FILES = FIXTURES / "offline"
STREAM = recording("22/abandoned")


def replay(file):
    result = CliRunner().invoke(main, ["replay", str(file)])
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_read_whatever_its_name(tmp_path, pack):
    file = tmp_path / "monday"
    file.write_bytes(pack(STREAM))
    read = []
    assert b"".join(uncompressed(file, read.append)) == STREAM
    assert sum(read) == file.stat().st_size


@pytest.mark.parametrize(
    ("start", "name"), [(b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip"), (b"7z\xbc\xaf\x27\x1c", "7z")]
)
def test_another_compression_is_named(tmp_path, start, name):
    file = tmp_path / "queue_log"
    file.write_bytes(start + bytes(100))
    with pytest.raises(UnreadableFile, match=f"{name} cannot be read"):
        list(uncompressed(file))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_that_breaks_off_is_told_in_one_line(tmp_path, pack):
    file = tmp_path / "monday"
    file.write_bytes(pack(STREAM)[:-200])
    result = replay(file)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {file}: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r\r\n"])
@pytest.mark.parametrize("size", [1, 2, 7, 100_000])
def test_line_ends_of_editors_give_the_same_stream(line_end, size):
    stream = STREAM[:5000]
    edited = stream.replace(b"\r\n", line_end)
    chunks = [edited[at : at + size] for at in range(0, len(edited), size)]
    assert b"".join(ami_line_ends(chunks)) == stream


def test_single_line_feeds_of_asterisk_stay():
    stream = b"Response: Success\r\nCallStarted: 1\n\r\n\r\n"
    assert b"".join(ami_line_ends([stream])) == stream


def test_a_recording_with_line_feeds_alone_is_read():
    result = replay(FILES / "lf_only.ami.gz")
    assert result.exit_code == 0
    (ring, visit) = result.stdout.splitlines()
    assert ring.endswith("ring   nobody       Dave           rang 3.0 s, no_answer")
    assert visit.endswith("visit  nobody                      waited 3.5 s, abandoned")


@pytest.mark.parametrize("command", ["replay", "reconcile"])
def test_a_recording_without_timestamps_says_so(command, tmp_path):
    log = tmp_path / "queue_log"
    log.write_text("1795306737|c|q|NONE|ENTERQUEUE||1|1\n")
    file = str(FILES / "no_timestamps.ami.gz")
    words = [file] if command == "replay" else ["--queue-log", str(log), "--replay", file]
    result = CliRunner().invoke(main, [command, *words])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: {file}: the events have no timestamps: set timestampevents=yes in manager.conf before "
        "recording\n"
    )


def test_a_file_that_is_no_recording_says_so(tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"\xff\xd8\n" * 1000)
    result = replay(file)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no AMI message was found" in result.stderr
