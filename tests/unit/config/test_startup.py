"""`cc-bridge check` and `cc-bridge run` reject the same configurations, with one clear line per fault."""

import os

import pytest
from click.testing import CliRunner

from cc_bridge.cli import main
from cc_bridge.config import ENV_PREFIX, Config
from cc_bridge.config.startup import check_startup
from cc_bridge.config.storage import find_spec
from cc_bridge.errors import ConfigError

SECRET = 'ami = {secret = "word"}\n'


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def faults(tmp_path):
    """Return a function that returns the lines of the errors, which are equal for both commands."""

    def say(text):
        file = tmp_path / "cc-bridge.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        told = [CliRunner().invoke(main, [command, "--config", str(file)]) for command in ("check", "run")]
        assert [each.exit_code for each in told] == [1, 1], told[0].output
        assert told[0].stderr == told[1].stderr
        return told[0].stderr.removeprefix("Error: ").strip().splitlines()

    return say


def test_a_complete_configuration_passes(tmp_path):
    file = tmp_path / "cc-bridge.toml"
    file.write_bytes(b"\xef\xbb\xbf" + SECRET.encode())  # as saved by an editor of Windows
    told = CliRunner().invoke(main, ["check", "--config", str(file)])
    assert (told.exit_code, told.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[pbx]\nname = "pbx"\n',
            "ami.secret is empty: set ami.secret_file to a file with the manager user's secret",
        ),
        (SECRET + "[callback]\nenabled = true\n", "callback.secret is empty: set callback.secret_file"),
        (
            SECRET + '[storage]\nurl = "postgres://u@h/d"\n',
            "must start with postgresql:// instead of",
        ),
        (
            SECRET + '[storage]\nurl = "mysql://u@h/d"\n',
            "must start with mysql+pymysql:// instead of mysql://",
        ),
        (SECRET + '[storage]\nurl = "mariadb://u@h/d"\n', "must start with mariadb+pymysql:// instead of"),
        (
            SECRET + '[storage]\nurl = "oracle://u@h/d"\n',
            "must be sqlite:////full/path.sqlite, postgresql://",
        ),
        (SECRET + '[storage]\nurl = "calls.sqlite"\n', "must be sqlite:////full/path.sqlite, postgresql://"),
        (SECRET + '[storage]\nurl = "sqlite:///calls.sqlite"\n', "by its full path, with four slashes"),
        (SECRET + '[storage]\nurl = "sqlite:///:memory:"\n', "by its full path, with four slashes"),
        (SECRET + '[storage]\nurl = "sqlite://"\n', "by its full path, with four slashes"),
    ],
)
def test_a_configuration_with_which_the_daemon_cannot_start(faults, text, says):
    (line,) = faults(text)
    assert says in line


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xef\xbb\xbfword\n", "starts with a byte-order mark: save it as UTF-8 without one"),
        (b"\n", "the file is empty: it must contain the secret"),
        (b"\xff\xfew\x00", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_secret_file_that_holds_no_secret(faults, tmp_path, content, says):
    file = tmp_path / "ami-secret"
    if content is not None:
        file.write_bytes(content)
    (line,) = faults(f'[ami]\nsecret_file = "{file}"\n')
    assert line.startswith(f"ami.secret_file = '{file}': ")
    assert says in line


def test_faults_of_surveys_secrets_and_packages_come_in_one_pass(faults):
    lines = faults('[queues.sales]\nsurvey = "nps"\n[callback]\nenabled = true\n')
    assert [line.partition(":")[0].partition(" ")[0] for line in lines] == [
        "queues.sales.survey",
        "ami.secret",
        "callback.secret",
    ]


def test_an_unknown_survey_is_told_beside_other_faults(faults):
    lines = faults(
        '[ami]\nport = 0\nhots = "x"\n[queue_defaults]\nsurvey = "gone"\n[queues.sales]\nsurvey = "nps"\n'
    )
    assert [line.partition(":")[0].partition(" ")[0] for line in lines] == [
        "ami.port", "ami.hots", "queue_defaults.survey", "queues.sales.survey",
    ]  # fmt: skip
    assert "known are" in lines[-1]


def test_a_missing_driver_names_what_to_install(monkeypatch):
    monkeypatch.setattr(
        "cc_bridge.config.storage.find_spec", lambda name: name != "psycopg" and find_spec(name)
    )
    config = Config(ami={"secret": "word"}, storage={"url": "postgresql://u@h/d"})
    with pytest.raises(ConfigError, match=r"psycopg is not installed: .*/bin/pip install '\.\[postgres\]'"):
        check_startup(config)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[pbx]\nname = "a b"\n', "pbx.name = 'a b': must be 1 to 40 of the characters A-Z a-z 0-9 _ . -"),
        ('[queues.sales]\nsurvey = "My survey"\n', "must be the id of a survey (a letter a-z, then"),
        ('[queues.sales]\nlanguage = "Farsi"\n', "must be the code of a language, such as fa or en_GB"),
        ('[queues.sales]\nowner = "Sara"\n', "must be a short name: 1 to 32 of the characters a-z 0-9"),
        ('[survey]\nrecordings_directory = "spool"\n', "must be a full path of letters, digits"),
        ('[digest]\nrecipients = ["board"]\n', "must be an e-mail address such as sara@example.com"),
        ('[digest]\nsender = "x"\n', "must be an e-mail address such as reports@example.com, or empty"),
        ('[digest.owner_addresses]\n"S A" = "a@b"\n', "must be a short name: 1 to 32 of the characters"),
        ('[callback]\nchannel = "PJSIP/trunk"\n', "must be a channel with {number} once, such as PJSIP/"),
        ('[callers]\ncountry_code = "+98"\n', "must be 1 to 3 digits without + or 00, such as 98"),
        ('[customers]\nregion = "ir"\n', "must be two capital letters such as IR"),
        ('[follow_ups]\nunresolved_questions = ["is solved"]\n', "must be a letter a-z, then up to 31"),
    ],
)
def test_a_pattern_is_told_in_words(faults, text, says):
    (line,) = faults(SECRET + text)
    assert says in line
    assert "pattern" not in line
    assert "^" not in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[ami]\nhost = 10.0.0.5\n", "(at line 2, column 12): host = 10.0.0.5"),
        ('[ami]\nsecret = "s3cret\n', "(at line 2, column 17): secret = ********"),
        ('[callers]\n"hash_secret" = s3cret\n', '"hash_secret" = ********'),
        ('ami = {port = 1, secret = "s3cret"\n', "column 35): ami = ********"),
        ("[storage]\nurl = postgresql://u:s3cret@h/d\n", "url = ********"),
        ("[ami\n", "line 1, column 5): [ami"),
        ("[ami]\nhost = [", "(at end of document): host = ["),
    ],
)
def test_a_fault_of_the_syntax_shows_its_line_without_secrets(faults, text, says):
    (line,) = faults(text)
    assert line.endswith(says)
    assert "s3cret" not in line


def test_the_password_in_a_url_is_never_shown(faults, tmp_path):
    (line,) = faults(SECRET + '[storage]\nurl = "postgres://u:s3@cret@h/d"\n')
    assert "storage.url = '********': must start with" in line
    file = tmp_path / "cc-bridge.toml"
    file.write_text(SECRET + '[storage]\nurl = "postgresql://u:s3cret@h/d"\n')
    told = CliRunner().invoke(main, ["check", "--config", str(file)])
    assert 'url = "postgresql://u:********@h/d"' in told.stdout
