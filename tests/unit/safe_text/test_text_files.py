"""Files of any content and size: read within limits, or refused with one line."""

import os
import threading
import time
from pathlib import Path

import pytest

from cc_bridge.errors import UnreadableFile
from cc_bridge.safe_text.text_files import MAX_BYTES, parse_toml, read_bytes, read_text


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/urandom"])
def test_a_device_that_never_ends_is_refused(path):
    with pytest.raises(UnreadableFile, match=r"^cannot be read: larger than 1024 KiB$"):
        read_bytes(Path(path))


def test_a_file_may_have_as_many_bytes_as_the_limit(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10)
    assert read_text(file, 10) == "x" * 10
    with pytest.raises(UnreadableFile):
        read_text(file, 9)


def test_a_pipe_is_read_to_its_end(tmp_path):
    """A shell gives a pipe to `--config <(command)`."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("[ami]\n",))
    writer.start()
    assert read_text(tmp_path / "pipe") == "[ami]\n"
    writer.join()


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no such file"), (b"\xff\xfe[\0a\0]\0", "save it as UTF-8"), (b"\xe2\x82", "save it as UTF-8")],
)
def test_a_file_that_cannot_be_read_gives_one_line(tmp_path, content, says):
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    with pytest.raises(UnreadableFile, match=says) as refused:
        read_text(tmp_path / "file")
    assert str(refused.value).startswith("cannot be read: ")
    assert "\n" not in str(refused.value)


def test_a_byte_order_mark_before_toml_is_left_out():
    assert parse_toml("\ufeff[ami]\nport = 1") == {"ami": {"port": 1}}


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "[" * 25 + "]" * 25,
        "a = " + "{b = " * 100_000,
        "a." * 30 + "b = 1",
        "a." * 300_000 + "b = 1",
        "[" + "'a' . " * 100_000 + "b]",
        "[a]\n" * 2,
        "a = " + "9" * 5_000,
        "a" * MAX_BYTES,
        '"' * MAX_BYTES,
        "a\n" * 100_000,
        "\ufeff\ufeff[a]",
        "\0",
        "a = 2026-13-45",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_toml_is_refused_quickly_with_one_line(text):
    before = time.process_time()
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - each has its own text
        parse_toml(text)
    assert time.process_time() - before < 5
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_tables_of_usual_depth_are_read():
    assert parse_toml("[a.b.c]\nd = [[1], {e = 2}]") == {"a": {"b": {"c": {"d": [[1], {"e": 2}]}}}}


@pytest.mark.parametrize("number", ["1" * 5000, "0x" + "f" * 17, "0b1" + "0" * 64, "[0x" + "f" * 5000 + "]"])
def test_a_number_with_too_many_digits_is_refused(number):
    with pytest.raises(ValueError, match=r"^a number has too many digits$"):
        parse_toml(f"port = {number}")


def test_a_number_of_64_bits_is_read():
    assert parse_toml("a = 0xffff_ffff_ffff_ffff") == {"a": 2**64 - 1}
