"""The planner of a setup, which makes the plan for one machine.

Pure: it reads the machine's files only through a function that it is given.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from cc_bridge.errors import SetupError
from cc_bridge.queue_names import QueueNames
from cc_bridge.safe_text.text_files import parse_toml
from cc_bridge.setup.asterisk_files import ASTERISK_USER_FILE, asterisk_files
from cc_bridge.setup.freepbx_files import FREEPBX_USER_FILE, freepbx_files
from cc_bridge.setup.pbx_kind import PbxKind
from cc_bridge.setup.plan import (
    SETTINGS,
    Command,
    PlannedFile,
    ReadFile,
    SetupOptions,
    SetupPlan,
    ShippedFile,
    text_of,
)
from cc_bridge.setup.queue_names import queue_names

__all__ = ["SHIPPED_PROGRAM", "make_plan"]

_SECRET_FILE = "/etc/cc-bridge/ami-secret"  # noqa: S105 - a path
_USER = "cc-bridge"
_UNIT = "/etc/systemd/system/cc-bridge.service"
_PLACEHOLDER = b"CHANGE-ME"
SHIPPED_PROGRAM = PurePosixPath("/opt/cc-bridge/bin/cc-bridge")
# The service cannot see programs below these directories: ProtectHome= and PrivateTmp= of the unit.
_HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")  # noqa: S108 - no file is made there
_SOUNDS = "dialplans/sounds/"


def make_plan(options: SetupOptions, shipped: Sequence[ShippedFile], read: ReadFile) -> SetupPlan:
    """Return the plan for a machine; `read` returns the content of a file of the machine.

    `shipped` are the files of cc_bridge that a setup can install. Raises SetupError if the settings on the
    machine are not usable, or if the service could not run the program cc-bridge in its present directory.
    """
    if options.systemd and str(options.program).startswith(_HIDDEN):
        raise SetupError(
            f"the service cannot run {options.program}: install cc-bridge into {SHIPPED_PROGRAM.parents[1]},"
            " as in config/README.md, or use --no-systemd"
        )
    content = {file.path: file.content for file in shipped}
    freepbx = options.kind is PbxKind.FREEPBX
    wanted = QueueNames(options.queues)
    queues = [queue for queue in queue_names(options.kind, read) if queue in wanted] if freepbx else []
    user_file = FREEPBX_USER_FILE if freepbx else ASTERISK_USER_FILE
    ami_secret = _secret_of("ami", read, _SECRET_FILE)
    secret = ami_secret or _user_secret(read, user_file) or options.new_secret
    agi_secret = _secret_of("agi", read)
    group = "asterisk" if re.search(rb"^asterisk:", read("/etc/group") or b"", re.MULTILINE) else "root"
    user = content["config/asterisk/manager.d/cc_bridge.conf"].replace(_PLACEHOLDER, secret.encode())
    dialplan = content["dialplans/extensions_cc_bridge.conf"]
    owner = "root" if options.systemd else _USER
    files = [PlannedFile(_SECRET_FILE, f"{secret}\n".encode(), 0o600, owner, secret=True, keep_other=True)]
    if read(SETTINGS) is None:
        settings = _settings(content["config/cc-bridge.toml"], options)
        files.append(PlannedFile(SETTINGS, settings, keep_other=True))
    if freepbx:
        freepbx_dialplan = content["dialplans/freepbx/extensions_cc_bridge_freepbx.conf"]
        files += freepbx_files(user, dialplan, freepbx_dialplan, queues, read, agi_secret)
    else:
        files += asterisk_files(user, dialplan, group, read, agi_secret)
    files += _prompts(shipped, _sounds_folder(read, freepbx=freepbx))
    if options.systemd:
        unit = content["config/systemd/cc-bridge.service"]
        files.append(
            PlannedFile(_UNIT, unit.replace(str(SHIPPED_PROGRAM).encode(), str(options.program).encode()))
        )
    reload = _reload(with_queues=bool(queues))
    service = ("systemctl", "daemon-reload")
    return SetupPlan(
        files,
        before=[] if _has_user(read) else [_add_user()],
        after=[*reload, service, *_start()] if options.systemd else reload,
        undo_before=[("systemctl", "disable", "--now", "cc-bridge")] if options.systemd else [],
        undo_after=[*reload, service] if options.systemd else reload,
        left=list(_left(options, queues)),
    )


def _secret_of(section: str, read: ReadFile, usual_file: str = "") -> str:
    """Return the secret in a section of the settings that the machine already has, empty if there is none.

    `usual_file` is the secret's file if the settings name no file; it may be missing. Raises SetupError if
    the settings are not valid TOML, or name a secret file that is missing or empty.
    """
    try:
        options = parse_toml(text_of(read(SETTINGS))).get(section, {})
    except ValueError as error:
        raise SetupError(f"{SETTINGS}: {error}; correct it, then run setup again") from error
    if inline := str(options.get("secret", "")):
        return inline
    named = str(options.get("secret_file", ""))
    file = named or usual_file
    found = text_of(read(file)).strip() if file else ""
    if named and not found:
        raise SetupError(f"{SETTINGS} names {named}, which is missing or empty")
    return found


def _user_secret(read: ReadFile, user_file: str) -> str:
    """Return the secret in the manager user's file, empty if there is none.

    The file can remain from an earlier installation. `setup` does not replace a file that it did not write,
    so the daemon must use the secret in it.
    """
    text = text_of(read(user_file))
    found = re.search(r"^\[cc_bridge\][^\[]*?^[ \t]*secret[ \t]*=>?[ \t]*([^\s;]+)", text, re.MULTILINE)
    return found[1] if found and found[1] != _PLACEHOLDER.decode() else ""


def _settings(shipped: bytes, options: SetupOptions) -> bytes:
    """Return the settings of a new installation: the shipped file with the PBX's name, secret and queues."""
    text = shipped.decode()
    text = text.replace('\nname = "pbx"\n', f'\nname = "{options.pbx_name}"\n', 1)
    section, rest = text.split("\n[ami]\n", 1)
    rest = rest.replace('\nsecret_file = ""\n', f'\nsecret_file = "{_SECRET_FILE}"\n', 1)
    tables = "".join(f'\n[queues."{_escaped(queue)}"]\n' for queue in QueueNames(options.queues))
    return f"{section}\n[ami]\n{rest}{tables}".encode()


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _prompts(shipped: Sequence[ShippedFile], folder: str) -> Iterator[PlannedFile]:
    """Yield a file for each shipped prompt, in Asterisk's directory of sounds (`folder`).

    A prompt that the administrator has recorded under the same file name is not overwritten.
    """
    for file in shipped:
        if file.path.startswith(_SOUNDS):
            place = f"{folder}/{file.path.removeprefix(_SOUNDS)}"
            yield PlannedFile(place, file.content, keep_other=True)


def _sounds_folder(read: ReadFile, *, freepbx: bool) -> str:
    """Return Asterisk's directory of sounds: from asterisk.conf, otherwise the usual one."""
    text = text_of(read("/etc/asterisk/asterisk.conf"))
    if re.search(r"^\[directories\]\s*(;.*)?$", text, re.MULTILINE):  # [directories](!) has no effect
        named = re.search(r"^\s*astdatadir\s*=>?\s*(/[^\s;]+)", text, re.MULTILINE)
        if named:
            return str(PurePosixPath(named[1]) / "sounds")
    debian = read("/etc/debian_version") is not None and not freepbx
    return "/usr/share/asterisk/sounds" if debian else "/var/lib/asterisk/sounds"


def _has_user(read: ReadFile) -> bool:
    return re.search(rb"^cc-bridge:", read("/etc/passwd") or b"", re.MULTILINE) is not None


def _add_user() -> Command:
    return ("useradd", "--system", "--home", "/var/lib/cc-bridge", "--create-home", _USER)


def _start() -> list[Command]:
    return [("systemctl", "enable", "cc-bridge"), ("systemctl", "restart", "cc-bridge")]


def _reload(*, with_queues: bool) -> list[Command]:
    consoles = ["manager reload", "dialplan reload", *(["queue reload all"] if with_queues else [])]
    return [("asterisk", "-rx", console) for console in consoles]


def _left(options: SetupOptions, queues: Sequence[str]) -> Iterator[str]:
    """Yield the steps that the administrator must still do by hand after the setup, one text for each.

    The main step sends callers to cc_bridge. Setup cannot do it, because only the administrator's own
    dialplan reaches the callers.
    """
    if options.kind is PbxKind.FREEPBX:
        yield (
            "choose a Custom Destination with the target cc-bridge-freepbx-queue,600,1 (your queue instead of"
            " 600) wherever callers reach the queue; dialplans/freepbx has the steps"
        )
        if queues:
            yield (
                "before you delete a queue in FreePBX, remove its lines from"
                " /etc/asterisk/queues_cc_bridge.conf: Asterisk loads no queue from a file that extends"
                " a missing one"
            )
        known = QueueNames(queues)
        missing = [queue for queue in options.queues if queue not in known]
        if missing:
            yield f"FreePBX has no queue {', '.join(missing)}: create it, then run setup again"
    else:
        yield (
            "send the queue's callers through the dialplan: replace Queue(sales,t,,,300) by"
            " Gosub(cc-bridge-queue,s,1(sales,t,300)), then run: asterisk -rx 'dialplan reload'"
        )
    if not options.systemd:
        yield (
            f"start the daemon: runuser -u {_USER} -- {options.program} run,"
            " and start it again after a reboot"
        )
