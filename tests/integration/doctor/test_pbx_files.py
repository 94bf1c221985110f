"""Faults in the files of the PBX, planted one by one: the doctor reports each of them, and no other."""

import os
import shutil
import struct
import tempfile
import wave
from contextlib import contextmanager
from pathlib import Path

import pytest

from cc_bridge.config import Config
from cc_bridge.doctor import asterisk_files, config_and_secrets, sounds
from cc_bridge.doctor.asterisk_user import AsteriskUser
from cc_bridge.doctor.check_result import CheckStatus
from cc_bridge.setup.pbx_kind import PbxKind
from support.paths import ROOT

ASTERISK = AsteriskUser("asterisk", 4242, frozenset({4243}))
CONFIG = {"ami": {"secret": "word"}, "queues": {"sales": {"survey": "full"}}}


def wav(file, *, rate=8000, channels=1, seconds=0.1):
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as opened:
        opened.setnchannels(channels)
        opened.setsampwidth(2)
        opened.setframerate(rate)
        opened.writeframes(bytes(2 * channels * round(rate * seconds)))


@pytest.fixture
def pbx(monkeypatch):
    """Make the files of a PBX in a folder that every user may read, unlike pytest's own folders."""
    home = Path(tempfile.mkdtemp(prefix="cc-bridge-pbx-"))
    home.chmod(0o755)
    # As on Debian, `en` is a link.
    (home / "sounds" / "en_US").mkdir(parents=True)
    (home / "sounds" / "en").symlink_to("en_US")
    for language in ("en", "fa"):
        shutil.copytree(ROOT / "dialplans/sounds" / language, home / "sounds" / language, dirs_exist_ok=True)
    (home / "recordings").mkdir()
    (home / "recordings").chmod(0o777)
    for folder, folders, files in os.walk(home / "sounds"):
        for each in (*folders, *files):
            (Path(folder) / each).chmod(0o755)
    monkeypatch.setattr(sounds, "asterisk_user", lambda _port: ASTERISK)
    yield home
    shutil.rmtree(home)


def findings(pbx, **sections):
    survey = {"recordings_directory": f"{pbx}/recordings"}
    config = Config(**(CONFIG | {"survey": survey} | sections))
    return list(sounds.check(config, None, str(pbx)))


def unwell(pbx, **sections):
    return {each.name: each.seen for each in findings(pbx, **sections) if each.level is not CheckStatus.OK}


@contextmanager
def fault(file):
    """Restore a file's content and permissions at the end of the block."""
    content, mode = file.read_bytes(), file.stat().st_mode
    yield
    file.unlink(missing_ok=True)
    file.write_bytes(content)
    file.chmod(mode)


def plant(file, kind):
    content = file.read_bytes()
    match kind:
        case "empty":
            file.write_bytes(b"")
        case "truncated":
            file.write_bytes(content[: len(content) // 2])
        case "header":
            file.write_bytes(content[:30])
        case "other":
            file.write_bytes(b"ID3" + content)
        case "unreadable":
            file.chmod(0o600)
        case "rate":
            wav(file, rate=44100, channels=2)
        case "dangling":
            file.unlink()
            file.symlink_to("no_such_file.wav")
        case "missing":
            file.unlink()


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "missing in {place}: cc_bridge/csat_ask"),
        ("empty", "empty: cc_bridge/csat_ask"),
        ("truncated", "truncated: cc_bridge/csat_ask"),
        ("header", "truncated: cc_bridge/csat_ask"),
        ("other", "no WAV file: cc_bridge/csat_ask"),
        ("unreadable", "not readable for Asterisk's user asterisk: cc_bridge/csat_ask"),
        ("dangling", "a link to a missing file: cc_bridge/csat_ask"),
        ("rate", "44100 Hz, 2 channels, 16 bit instead of 8000 Hz, mono, 16 bit: cc_bridge/csat_ask"),
    ],
)
def test_a_prompt_that_asterisk_cannot_play(pbx, kind, says):
    assert unwell(pbx) == {}
    file = pbx / "sounds/en_US/cc_bridge/csat_ask.wav"
    with fault(file):
        plant(file, kind)
        assert unwell(pbx) == {
            name: says.format(place=pbx / "sounds") for name in ("prompts.csat.en", "prompts.full.en")
        }
    assert unwell(pbx) == {}


def test_a_prompt_that_a_caller_cannot_understand(pbx):
    file = pbx / "sounds/en_US/cc_bridge/moment.wav"
    with fault(file):
        wav(file, seconds=1)
        found = {each.name: each for each in findings(pbx) if each.level is not CheckStatus.OK}
        assert found.keys() == {"prompts.csat.en", "prompts.full.en"}
        assert found["prompts.csat.en"].level is CheckStatus.WARN
        assert found["prompts.csat.en"].seen == "cc_bridge/moment: silent"
    assert unwell(pbx) == {}


def test_the_prompt_with_the_companys_name_is_needed_where_a_queue_plays_it(pbx):
    queues = {"sales": {"survey": "full", "company_prompt": "company"}}
    missing = f"missing in {pbx}/sounds: cc_bridge/company"
    names = [f"prompts.{survey}.{language}" for survey in ("csat", "full") for language in ("en", "fa")]
    assert unwell(pbx, queues=queues) == dict.fromkeys(names, missing)
    advice = {each.advice for each in findings(pbx, queues=queues) if each.level is CheckStatus.FAIL}
    assert advice == {"record cc_bridge/company: see dialplans/README.md"}
    for language in ("en", "fa"):
        folder = pbx / "sounds" / language / "cc_bridge"
        shutil.copy(folder / "hello.wav", folder / "company.wav")
    assert unwell(pbx, queues=queues) == {}


def test_the_advice_can_be_pasted(pbx):
    shutil.rmtree(pbx / "sounds/en/cc_bridge")
    shutil.rmtree(pbx / "sounds/fa")
    for each in findings(pbx):
        if each.level is CheckStatus.FAIL:
            command = each.advice.partition(";")[0]
            assert os.system(f"cd {ROOT} && {command}") == 0
    assert (pbx / "sounds/en").is_symlink()
    assert unwell(pbx) == {}


def test_a_folder_that_asterisk_cannot_enter(pbx):
    (pbx / "sounds/fa/cc_bridge").chmod(0o700)
    found = {each.name: each for each in findings(pbx) if each.level is not CheckStatus.OK}
    assert found.keys() == {"prompts.csat.fa", "prompts.full.fa"}
    assert found["prompts.csat.fa"].advice == f"chmod -R a+rX {pbx}/sounds/fa/cc_bridge"


def test_sounds_of_other_formats(pbx):
    (pbx / "sounds/en/cc_bridge/moment.wav").unlink()
    gsm = pbx / "sounds/en/cc_bridge/moment.gsm"
    gsm.write_bytes(bytes(66))
    assert unwell(pbx) == {}
    gsm.write_bytes(bytes(70))
    assert set(unwell(pbx).values()) == {"truncated: cc_bridge/moment"}
    gsm.unlink()
    (pbx / "sounds/en/cc_bridge/moment.sln16").write_bytes(b"x")
    assert unwell(pbx) == {}


def test_comments_need_a_folder_that_asterisk_may_write(pbx):
    folder = pbx / "recordings"
    folder.chmod(0o755)
    assert unwell(pbx) == {"recordings": f"Asterisk's user asterisk cannot write in {folder}"}
    folder.rmdir()
    assert unwell(pbx) == {"recordings": f"{folder} does not exist: spoken comments cannot be recorded"}
    (found,) = [each for each in findings(pbx) if each.name == "recordings"]
    assert found.advice == f"install -d -o asterisk -g asterisk -m 0750 {folder}"
    assert unwell(pbx, queues={}) == {}  # no survey with a comment is in use


def test_the_permissions_count_as_the_kernel_counts_them(pbx):
    file = pbx / "file"
    file.write_text("x")
    for mode, owner, group, may in [
        (0o604, 1, 1, True),
        (0o604, 1, 4243, False),  # the group's permissions apply before those of others
        (0o640, 1, 4243, True),
        (0o044, 4242, 1, False),
        (0o400, 4242, 1, True),
    ]:
        os.chown(file, owner, group)
        file.chmod(mode)
        assert ASTERISK.can_read(file) is may, oct(mode)
        assert AsteriskUser("root", 0, frozenset()).can_read(file)


# -- the secrets of manager users


@pytest.mark.parametrize("name", ["manager.conf", "manager.d/cc_bridge.conf", "manager_cc_bridge.conf"])
@pytest.mark.parametrize("kind", PbxKind)
def test_a_secret_that_every_user_can_read(tmp_path, monkeypatch, name, kind):
    monkeypatch.setattr(asterisk_files, "pbx_kind", lambda: kind)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("[cc_bridge]\n;secret = x\nsecret = s3cret\n")
    file.chmod(0o640)

    def told():
        return [(each.level, each.seen, each.advice) for each in asterisk_files.check(str(tmp_path))]

    ((level, *_),) = before = told()
    assert level is CheckStatus.OK
    file.chmod(0o664)
    ((level, seen, advice),) = told()
    assert level is CheckStatus.WARN
    assert seen.startswith(f"{file}: every user of this machine can read the secrets")
    assert "s3cret" not in seen
    assert advice.startswith(f"chmod o-rwx {file}")
    assert ("fwconsole chown" in advice) is (kind is PbxKind.FREEPBX)
    file.chmod(0o640)
    assert told() == before
    file.write_text("[general]\nenabled = yes\n;secret = x\n")
    file.chmod(0o664)
    assert told() == []


def test_files_of_another_machine_are_not_looked_at():
    assert list(asterisk_files.check(None)) == []
    assert list(asterisk_files.check("/no/such/folder")) == []


# -- access control lists


def acl(file, *entries, mask=7):
    """Set the access control list of a file; an entry is a tag, permissions and an id."""
    nobody = 0xFFFFFFFF
    mode = file.stat().st_mode
    given = [
        (1, mode >> 6 & 7, nobody),
        *entries,
        (4, mode >> 3 & 7, nobody),
        (16, mask, nobody),
        (32, mode & 7, nobody),
    ]
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in sorted(given))
    try:
        os.setxattr(file, "system.posix_acl_access", value)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error}")


USER, GROUP = 2, 8


@pytest.mark.parametrize(
    ("entry", "mask", "reader"),
    [
        ((USER, 4, 65534), 7, "user nobody"),
        ((GROUP, 6, 4999), 7, "group 4999"),
        ((USER, 4, 4999), 1, None),  # the mask takes the right away
        ((USER, 1, 4999), 7, None),
        ((USER, 4, 0), 7, None),  # root
    ],
)
def test_a_secret_that_an_access_control_list_shows(tmp_path, entry, mask, reader):
    file = tmp_path / "manager_cc_bridge.conf"
    file.write_text("[cc_bridge]\nsecret = s3cret\n")
    file.chmod(0o640)
    secret = tmp_path / "ami-secret"
    secret.write_text("s3cret")
    secret.chmod(0o600)
    config = Config(ami={"secret_file": str(secret)})

    def told():
        ours = [each for each in config_and_secrets.check(config, None) if each.name == "secrets.permissions"]
        return [(each.level, each.seen) for each in [*asterisk_files.check(str(tmp_path)), *ours]]

    before = told()
    assert [level for level, _ in before] == [CheckStatus.OK, CheckStatus.OK]
    acl(file, entry, mask=mask)
    acl(secret, entry, mask=mask)
    if reader is None:
        assert told() == before
    else:
        seen = "its access control list lets {} read the secret"
        assert told() == [(CheckStatus.WARN, f"{each}: {seen.format(reader)}") for each in (file, secret)]
    for each in (file, secret):
        os.removexattr(each, "system.posix_acl_access")
        each.chmod(0o600)
    assert told() == before


def test_access_control_lists_count_as_the_kernel_counts_them(pbx):
    file = pbx / "file"
    file.write_text("x")
    os.chown(file, 1, 1)
    for mode, entry, mask, may in [
        (0o600, (USER, 4, ASTERISK.uid), 7, True),
        (0o604, (USER, 0, ASTERISK.uid), 7, False),  # the user's entry applies before those of others
        (0o600, (GROUP, 4, 4243), 7, True),
        (0o600, (GROUP, 4, 4243), 2, False),
        (0o604, (GROUP, 0, 4243), 7, False),
        (0o604, (USER, 0, 7), 7, True),
    ]:
        file.chmod(mode)
        acl(file, entry, mask=mask)
        assert ASTERISK.can_read(file) is may, (oct(mode), entry, mask)
        assert kernel_lets_read(file) is may, (oct(mode), entry, mask)
        os.removexattr(file, "system.posix_acl_access")


def kernel_lets_read(file):
    """Open a file as Asterisk's user in a process of its own."""
    reader = os.fork()
    if reader == 0:
        try:
            os.setgroups(list(ASTERISK.groups))
            os.setgid(next(iter(ASTERISK.groups)))
            os.setuid(ASTERISK.uid)
            os.close(os.open(file, os.O_RDONLY))
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(reader, 0)[1] == 0
