"""The plan of a setup for machines of each kind, from their files in memory."""

import tomllib
from pathlib import PurePosixPath

import pytest

from cc_bridge.config import Config
from cc_bridge.errors import SetupError
from cc_bridge.setup.pbx_kind import PbxKind
from cc_bridge.setup.plan import SETTINGS, SetupOptions
from cc_bridge.setup.planner import SHIPPED_PROGRAM, make_plan
from cc_bridge.setup.shipped import shipped_files

SHIPPED = list(shipped_files())
DEBIAN_MANAGER = (
    '[general]\nenabled = yes\nport = 5038\nbindaddr = 127.0.0.1\n\n#include "manager.d/*.conf" \n'
)
ACCOUNTS = {"/etc/group": "root:x:0:\nasterisk:x:105:\n", "/etc/passwd": "asterisk:x:105:105::/:/bin/false\n"}
DEBIAN = ACCOUNTS | {
    "/etc/debian_version": "12\n",
    "/etc/asterisk/manager.conf": DEBIAN_MANAGER,
    "/etc/asterisk/extensions.conf": "[default]\n",
    "/etc/asterisk/asterisk.conf": "[directories](!)\nastdatadir => /nowhere\n",
}
FREEPBX = ACCOUNTS | {
    "/etc/debian_version": "12\n",
    "/etc/asterisk/manager.conf": "[general]\nenabled = yes\n#include manager_custom.conf\n",
    "/etc/asterisk/extensions_custom.conf": "[from-internal-custom]\n",
    "/etc/asterisk/queues_additional.conf": "[600]\nstrategy=ringall\n[601]\n[default]\n",
}
# Files that FreePBX generates.
GENERATED = {
    "manager.conf", "manager_additional.conf", "extensions.conf", "extensions_additional.conf", "queues.conf",
    "queues_additional.conf", "globals.conf",
}  # fmt: skip


def plan(files, kind=PbxKind.ASTERISK, **given):
    options = {
        "kind": kind, "pbx_name": "tehran", "queues": (), "new_secret": "n3w", "program": SHIPPED_PROGRAM,
        "systemd": True,
    }  # fmt: skip
    found = {path: text.encode("utf-8", "surrogateescape") for path, text in files.items()}
    return make_plan(SetupOptions(**(options | given)), SHIPPED, found.get)


def texts(made):
    return {
        file.path: file.content.decode("utf-8", "surrogateescape")
        for file in made.files
        if b"\0" not in file.content
    }


def test_a_new_installation_beside_a_plain_asterisk():
    made = plan(DEBIAN, queues=("sales", 'a "b"'))
    written = texts(made)
    assert written.keys() == {
        "/etc/cc-bridge/ami-secret",
        SETTINGS,
        "/etc/asterisk/manager.d/cc_bridge.conf",
        "/etc/asterisk/manager.conf",
        "/etc/asterisk/extensions_cc_bridge.conf",
        "/etc/asterisk/extensions.conf",
        "/etc/systemd/system/cc-bridge.service",
    }
    assert "\nsecret = n3w\n" in written["/etc/asterisk/manager.d/cc_bridge.conf"]
    assert written["/etc/cc-bridge/ami-secret"] == "n3w\n"
    assert "[general](+)\ntimestampevents = yes\n; cc" in written["/etc/asterisk/manager.conf"]
    assert written["/etc/asterisk/manager.conf"].startswith(DEBIAN_MANAGER)
    assert '#include "extensions_cc_bridge.conf"' in written["/etc/asterisk/extensions.conf"]
    config = Config(**tomllib.loads(written[SETTINGS]))
    assert (config.pbx.name, str(config.ami.secret_file)) == ("tehran", "/etc/cc-bridge/ami-secret")
    assert config.queues.keys() == {"sales", 'a "b"'}
    rights = {file.path: (file.owner, file.group, oct(file.mode)) for file in made.files}
    assert rights["/etc/asterisk/manager.d/cc_bridge.conf"] == ("root", "asterisk", "0o640")
    assert rights["/etc/cc-bridge/ami-secret"] == ("root", "root", "0o600")
    assert made.before == [
        ("useradd", "--system", "--home", "/var/lib/cc-bridge", "--create-home", "cc-bridge")
    ]
    assert ("asterisk", "-rx", "dialplan reload") in made.after
    prompts = [file for file in made.files if file.path.endswith(".wav")]
    assert all(file.path.startswith("/usr/share/asterisk/sounds/") and file.keep_other for file in prompts)
    assert {"en", "fa"} == {PurePosixPath(file.path).parts[5] for file in prompts}


def test_without_systemd_the_daemon_can_read_the_secret_and_no_unit_is_written():
    made = plan(DEBIAN, systemd=False)
    (secret,) = [file for file in made.files if file.path == "/etc/cc-bridge/ami-secret"]
    assert (secret.owner, secret.mode) == ("cc-bridge", 0o600)
    assert not any("systemd" in file.path for file in made.files)
    assert not any("systemctl" in command for command in (*made.after, *made.undo_before, *made.undo_after))
    assert any("runuser -u cc-bridge" in step for step in made.left)


def test_on_freepbx_only_files_of_the_administrator_are_extended():
    made = plan(FREEPBX, PbxKind.FREEPBX, queues=("600", "999"))
    written = texts(made)
    in_asterisk = {
        path.removeprefix("/etc/asterisk/") for path in written if path.startswith("/etc/asterisk/")
    }
    assert not in_asterisk & GENERATED
    extended = {file.path for file in made.files if file.block}
    assert extended == {
        "/etc/asterisk/manager_custom.conf",
        "/etc/asterisk/queues_post_custom.conf",
        "/etc/asterisk/extensions_custom.conf",
        "/etc/asterisk/freepbx_chown.conf",
    }
    chown = written["/etc/asterisk/freepbx_chown.conf"]
    assert "[custom]\nfile = /etc/asterisk/manager_cc_bridge.conf,0640,asterisk,asterisk\n" in chown
    assert "[general](+)\ntimestampevents = yes\n" in written["/etc/asterisk/manager_custom.conf"]
    assert '#include "manager_cc_bridge.conf"' in written["/etc/asterisk/manager_custom.conf"]
    # Asterisk loads no queue from a file that extends one that does not exist.
    assert written["/etc/asterisk/queues_cc_bridge.conf"] == "[600](+)\nsetinterfacevar=yes\n"
    assert written["/etc/asterisk/extensions_custom.conf"].startswith("[from-internal-custom]\n")
    assert any("no queue 999" in step for step in made.left)
    assert any("before you delete a queue in FreePBX" in step for step in made.left)
    assert ("asterisk", "-rx", "queue reload all") in made.after
    assert all(file.owner == "asterisk" for file in made.files if file.path.startswith("/etc/asterisk/"))
    assert any(file.path.startswith("/var/lib/asterisk/sounds/fa/cc_bridge/") for file in made.files)


def test_the_case_of_a_queues_name_does_not_matter():
    files = FREEPBX | {"/etc/asterisk/queues_additional.conf": "[general]\n\n[Sales]\n"}
    made = plan(files, PbxKind.FREEPBX, queues=("SALES", "sales"))
    written = texts(made)
    assert written["/etc/asterisk/queues_cc_bridge.conf"] == "[Sales](+)\nsetinterfacevar=yes\n"
    assert Config(**tomllib.loads(written[SETTINGS])).queues.keys() == {"sales"}
    assert not any("FreePBX has no queue" in step for step in made.left)


def test_a_section_of_freepbx_chown_conf_is_never_made_twice():
    files = FREEPBX | {"/etc/asterisk/freepbx_chown.conf": "[custom]\nfile = /x,0644,a,b\n"}
    assert "/etc/asterisk/freepbx_chown.conf" not in texts(plan(files, PbxKind.FREEPBX))


def test_what_the_administrator_has_included_is_not_included_again():
    include = '#include "extensions_cc_bridge.conf"\n'
    manager = DEBIAN_MANAGER.replace("enabled = yes\n", "enabled = yes\ntimestampevents=yes\n")
    ready = DEBIAN | {"/etc/asterisk/extensions.conf": include, "/etc/asterisk/manager.conf": manager}
    assert not any(file.block for file in plan(ready).files)


@pytest.mark.parametrize(
    ("manager", "lines"),
    [
        ("", ["[general]", "enabled = yes", "port = 5038", "bindaddr = 127.0.0.1", "timestampevents = yes"]),
        (
            "[general]\nenabled = no\n[u]\ntimestampevents = yes\n",
            ["[general](+)", "enabled = yes", "timestampevents = yes"],
        ),
        ("[general]\nenabled = yes\n;timestampevents = yes\n", ["[general](+)", "timestampevents = yes"]),
        ("[general]\ntimestampevents = yes\nenabled=yes\n", []),
    ],
)  # fmt: skip
def test_the_lines_that_manager_conf_lacks(manager, lines):
    written = texts(plan(DEBIAN | {"/etc/asterisk/manager.conf": manager}))["/etc/asterisk/manager.conf"]
    ours = written.removeprefix(manager).strip().splitlines()[1:-1]
    assert ours == [*lines, '#include "manager.d/cc_bridge.conf"']


def test_the_plan_of_a_finished_setup_is_the_same():
    for kind, files in ((PbxKind.ASTERISK, DEBIAN), (PbxKind.FREEPBX, FREEPBX)):
        first = plan(files, kind, queues=("600",))
        after = files | texts(first)
        second = plan(after, kind, queues=("600",), new_secret="other")
        expected = {path: text for path, text in texts(first).items() if path != SETTINGS}
        assert texts(second) == expected


@pytest.mark.parametrize(
    ("settings", "secret"),
    [('ami = {secret_file = "/etc/x"}', "from x"), ('[ami]\nsecret = "inline"\n', "inline"), ("", "default")],
)
def test_settings_of_the_administrator_stay_and_their_secret_is_used(settings, secret):
    files = DEBIAN | {SETTINGS: settings, "/etc/x": "from x\n", "/etc/cc-bridge/ami-secret": "default\n"}
    written = texts(plan(files))
    assert SETTINGS not in written
    assert f"\nsecret = {secret}\n" in written["/etc/asterisk/manager.d/cc_bridge.conf"]


def test_the_dialplan_gets_the_secret_of_fastagi_requests():
    line = "CCB_AGI_SECRET=0123456789abcdef\n"
    settings = {SETTINGS: '[agi]\nsecret_file = "/etc/cc-bridge/agi-secret"\n'}
    settings["/etc/cc-bridge/agi-secret"] = "0123456789abcdef\n"
    extensions = texts(plan(DEBIAN | settings))["/etc/asterisk/extensions.conf"]
    assert f'\n[globals]\n{line}#include "extensions_cc_bridge.conf"\n' in extensions
    with_globals = DEBIAN | {"/etc/asterisk/extensions.conf": "[globals]\nA=1\n[default]\n"}
    extensions = texts(plan(with_globals | settings))["/etc/asterisk/extensions.conf"]
    assert f"\n[globals](+)\n{line}" in extensions  # Asterisk reads only the first of two sections
    variables = texts(plan(FREEPBX | settings, PbxKind.FREEPBX))["/etc/asterisk/globals_custom.conf"]
    assert f"\n{line}" in variables
    del settings["/etc/cc-bridge/agi-secret"]
    with pytest.raises(SetupError, match="/etc/cc-bridge/agi-secret, which is missing"):
        plan(DEBIAN | settings)


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        (PbxKind.ASTERISK, "/etc/asterisk/manager.d/cc_bridge.conf"),
        (PbxKind.FREEPBX, "/etc/asterisk/manager_cc_bridge.conf"),
    ],
)
@pytest.mark.parametrize(("found", "used"), [("s3cret ; of 2025", "s3cret"), ("CHANGE-ME", "n3w")])
def test_a_manager_user_of_an_earlier_installation_keeps_its_secret(kind, file, found, used):
    """Setup does not replace the file, so another secret would lock the daemon out."""
    files = DEBIAN | {file: f"[other]\nsecret = theirs\n[cc_bridge]\n;secret = old\nsecret = {found}\n"}
    assert texts(plan(files, kind))["/etc/cc-bridge/ami-secret"] == f"{used}\n"


@pytest.mark.parametrize(
    ("settings", "says"), [("[ami", "correct it"), ('ami = {secret_file = "/no"}', "/no, which is missing")]
)
def test_settings_that_cannot_be_used(settings, says):
    with pytest.raises(SetupError, match=says):
        plan(DEBIAN | {SETTINGS: settings})


def test_a_program_that_the_service_could_not_see():
    with pytest.raises(SetupError, match="the service cannot run /root/venv/bin/cc-bridge"):
        plan(DEBIAN, program=PurePosixPath("/root/venv/bin/cc-bridge"))
    made = plan(DEBIAN, program=PurePosixPath("/srv/cc/bin/cc-bridge"))
    assert "\nExecStart=/srv/cc/bin/cc-bridge run" in texts(made)["/etc/systemd/system/cc-bridge.service"]


def test_the_directory_of_sounds_that_asterisk_conf_names():
    files = DEBIAN | {"/etc/asterisk/asterisk.conf": "[directories]\nastdatadir => /srv/asterisk ; ours\n"}
    assert any(file.path.startswith("/srv/asterisk/sounds/en/cc_bridge/") for file in plan(files).files)
