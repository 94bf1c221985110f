"""Digests of a daemon and by command: rejected settings, the times of the daemon's checks, the commands."""

from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from cc_bridge.cli import main
from cc_bridge.config import load, show
from cc_bridge.daemon.jobs.digests import DigestJob
from cc_bridge.digest.delivery import DigestRunResult
from cc_bridge.errors import ConfigError
from cc_bridge.storage.queries.digest_deliveries import DeliveryKey
from support.digest_fixtures import MONDAY, configured, filled
from support.mail_server import mail_server
from support.service_context import context
from support.year_of_calls import ZONE

__all__ = ["mail_server"]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('digest') / 'calls.sqlite'}"
    filled(url).dispose()
    return url


# -- the configuration


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("enabled = true", "enabled needs smtp_host, sender, recipients or owner_addresses"),
        ('sender = "a@b>\\nBcc: c@d"', "digest.sender"),
        ('recipients = ["no address"]', "digest.recipients.0"),
        ('recipients = ["a@example.com", "a@example.com"]', "must name each address once"),
        ('owner_addresses = {absent = "a@example.com"}', "no queue has owner = 'absent'"),
        ('owner_addresses = {"../sara" = "a@example.com"}', "digest.owner_addresses"),
        ('tls = "none"\nsmtp_host = "mail.example.com"\nusername = "u"\npassword = "s3cret"', "unencrypted"),
        ('password = "s3cret"\npassword_file = "/x"', "not both"),
        ("hour = 24", "digest.hour = 24"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path, text, says):
    file = tmp_path / "cc-bridge.toml"
    file.write_text(f"[digest]\n{text}\n")
    with pytest.raises(ConfigError) as error:
        load(file)
    assert says in str(error.value)
    assert "s3cret" not in str(error.value)


def test_the_secret_is_from_a_file_or_the_environment_and_never_shown(tmp_path, monkeypatch):
    secret, file = tmp_path / "secret", tmp_path / "cc-bridge.toml"
    secret.write_text("s3cret\n")
    file.write_text(f'[digest]\nusername = "u"\npassword_file = "{secret}"\n')
    assert load(file).digest.smtp_password() == "s3cret"
    secret.unlink()
    with pytest.raises(ConfigError, match=r"digest\.password_file"):
        load(file).digest.smtp_password()
    file.write_text('[digest]\nusername = "u"\n')
    with pytest.raises(ConfigError, match="username and password, or neither"):
        load(file).digest.smtp_password()
    monkeypatch.setenv("CC_BRIDGE_DIGEST__PASSWORD", "s3cret")
    assert load(file).digest.smtp_password() == "s3cret"
    assert "s3cret" not in show(load(file))
    assert "s3cret" not in repr(load(file))


# -- the daemon


class ScheduledJob:
    """A `DigestJob` with the test's threads and clock. `looks` holds its checks for due digests."""

    def __init__(self, config):
        self.clock = Clock()
        self.looks, self.results = [], []
        here = context(
            config, clock=self.clock, now=lambda: MONDAY + self.clock.seconds(), in_thread=self.in_thread
        )
        self.digests = DigestJob(here, self.send)
        self.digests.startService()

    def in_thread(self, function):
        function()
        return self.results.pop(0) if self.results else succeed(self.posted())

    def send(self, _config, _sender, _now, stop):
        self.looks.append((self.clock.seconds(), stop))

    def posted(self, **what):
        at = MONDAY + self.clock.seconds()
        return DigestRunResult("week", MONDAY, **{"last_sent_at": at, "look_at": at + 3600} | what)

    def pass_by(self, minutes):
        self.clock.pump([60.0] * minutes)


@pytest.fixture
def scheduled(url):
    scheduled = ScheduledJob(configured(url))
    yield scheduled
    scheduled.digests.stopService()
    assert not scheduled.clock.getDelayedCalls()


def test_it_looks_when_there_may_be_something_to_do(scheduled):
    scheduled.pass_by(150)
    assert [round(at / 60) for at, _ in scheduled.looks] == [1, 61, 121]
    assert scheduled.digests.due_at == {"week": MONDAY}
    assert scheduled.digests.last_sent_at["week"] == MONDAY + 121 * 60


def test_a_changed_configuration_is_looked_at_soon_and_off_is_off(scheduled, url):
    scheduled.pass_by(2)
    scheduled.digests.reconfigure(configured(url, hour=8))
    scheduled.pass_by(1)
    assert len(scheduled.looks) == 2
    scheduled.digests.reconfigure(configured(url, enabled=False))
    scheduled.pass_by(600)
    assert len(scheduled.looks) == 2
    assert scheduled.digests.due_at == scheduled.digests.failures == {}


def test_what_goes_wrong_is_counted_and_never_ends_the_looking(scheduled):
    key = DeliveryKey("week", "2026-11-09", "sara", "sara@example.com")
    assert scheduled.digests.failures == {"week": 0}
    scheduled.results = [
        succeed(scheduled.posted(given_up=[(key, "refused")], put_off=[(key, "later")], sent=[key])),
        fail(RuntimeError("no thread")),
        succeed(scheduled.posted(why_not="the database is away", last_sent_at=0.0)),
    ]
    scheduled.pass_by(1)
    sent_at = scheduled.digests.last_sent_at["week"]
    scheduled.pass_by(180)
    assert len(scheduled.looks) >= 4
    assert scheduled.digests.failures == {"week": 1}
    assert sent_at > 0
    assert scheduled.digests.last_sent_at["week"] > 0


def test_while_one_looks_no_other_does_and_a_stop_is_told(scheduled):
    scheduled.results = [Deferred()]
    scheduled.pass_by(300)
    ((_, stop),) = scheduled.looks
    assert not stop()
    scheduled.digests.stopService()
    assert stop()


# -- the command


@pytest.fixture
def run(url, tmp_path, monkeypatch, mail_server):
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(Path(url.removeprefix("sqlite:///")).read_bytes())
    monkeypatch.setattr("time.time", lambda: MONDAY)
    file = tmp_path / "cc-bridge.toml"
    file.write_text(f"""
[storage]
url = "sqlite:///{copy}"
[general]
time_zone = "{ZONE}"
[digest]
recipients = ["board@example.com", "chief@example.com"]
owner_addresses = {{sara = "sara@example.com"}}
sender = "bridge@example.com"
smtp_host = "localhost"
smtp_port = {mail_server.port}
tls_ca_file = "{mail_server.ca_file}"
username = "bridge"
password = "s3cret-of-the-mail-server"
[queues.sales]
owner = "sara"
""")
    return lambda *words: CliRunner().invoke(main, ["digest", *words, "-c", str(file)])


def test_files_are_written_for_everyone_and_each_owner(run, tmp_path):
    for words, span in (
        ((), "2026-11-09-2026-11-15"),
        (("--last",), "2026-11-09-2026-11-15"),
        (("--week", "2026-11-04"), "2026-11-02-2026-11-08"),
        (("--from", "2026-11-03", "--to", "2026-11-05"), "2026-11-03-2026-11-05"),
        (("--from", "1405-08-12"), "2026-11-03-2026-11-03"),
    ):
        out = tmp_path / "out" / span
        result = run("render", "--out", str(out), *words)
        assert result.exit_code == 0, result.output
        assert {file.name for file in out.iterdir()} == {
            f"digest-{span}-{who}.html" for who in ("everyone", "sara")
        }
        assert "support" not in (out / f"digest-{span}-sara.html").read_text()


def test_sent_by_hand_once_and_listed(run, mail_server):
    assert "would send 2026-11-09 to 2026-11-15 to sara@example.com (sara)" in run("send", "--dry-run").output
    assert mail_server.mails == []
    mail_server.replies["RCPT"].append("550 no such mailbox")
    result = run("send")
    assert result.exit_code == 1
    assert "given up: the server replied 550 no such mailbox" in result.stderr
    assert len(mail_server.mails) == 2
    assert run("send").output == "nothing to send: see cc-bridge digest list, or give --again\n"
    listed = run("list").output.splitlines()
    assert [line.split()[3:7] for line in listed[1:]] == [
        ["everyone", "1", "of", "2"], ["sara", "1", "of", "1"],
    ]  # fmt: skip
    assert listed[1].endswith("failed: the server replied 550 no such mailbox")
    assert "would not send to board@example.com (everyone): failed" in run("send", "--dry-run").output
    assert run("send", "--again").exit_code == 0
    assert len(mail_server.mails) == 5


def test_mails_are_written_to_files(run, tmp_path, mail_server):
    result = run("send", "--to-file", str(tmp_path / "mails"))
    assert result.exit_code == 0, result.output
    mails = [
        BytesParser(policy=policy.default).parsebytes(file.read_bytes())
        for file in sorted((tmp_path / "mails").iterdir())
    ]
    assert {mail["To"] for mail in mails} == {"sara@example.com", "board@example.com", "chief@example.com"}
    assert mail_server.mails == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("render", "--out", "/proc/no"), "/proc/no"),
        (
            ("render", "--out", "x", "--week", "2026-11-04", "--last"),
            "give --from with --to, or --week, or --last",
        ),
        (("render", "--out", "x", "--to", "2026-11-04"), "give --from with --to"),
        (("render", "--out", "x", "--from", "2026-11-04", "--to", "2026-11-03"), "is after --to"),
        (("render", "--out", "x", "--from", "soon"), "not a date"),
    ],
)
def test_a_wrong_command_says_what_to_do(run, words, says):
    result = run(*words)
    assert result.exit_code != 0
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_mail_server_it_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", f"sqlite:///{tmp_path}/calls.sqlite")
    result = CliRunner().invoke(main, ["digest", "send"])
    assert "digest: set smtp_host, sender, recipients or owner_addresses" in result.stderr
