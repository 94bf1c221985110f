"""Configuration files that are cut off, huge, malformed or full of secrets: one line, without a secret."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cc_bridge.cli import main
from cc_bridge.config import ConfigFile, load, show
from cc_bridge.errors import ConfigError

FULL = '[ami]\nsecret = "word"\n[queues.sales]\nsurvey = ""\n'


@pytest.fixture
def file(tmp_path):
    return tmp_path / "cc-bridge.toml"


def check(file):
    return CliRunner().invoke(main, ["check", "--config", str(file)])


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", "# [ami]\n# port = 5038\n", "[ami]\n[storage]\n"])
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_file_without_an_option_is_refused(file, monkeypatch, text, command):
    monkeypatch.setenv("CC_BRIDGE_AMI__SECRET", "word")  # as the systemd unit passes it
    file.write_text(text)
    done = CliRunner().invoke(main, [command, "--config", str(file)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"Error: {file}: the file has no option: is it empty or cut off?\n"


def test_without_a_file_the_environment_is_the_configuration(monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_AMI__SECRET", "word")
    monkeypatch.setattr("cc_bridge.commands.common._DEFAULT_CONFIG", Path("/nowhere/at/all"))
    assert CliRunner().invoke(main, ["check"]).exit_code == 0


@pytest.mark.parametrize(
    "text", ["", "# all gone\n", '[log]\nlevel = "debug"\n', '[ami]\n[log]\nlevel = "debug"\n']
)
def test_a_reload_refuses_a_file_that_has_lost_all_of_its_sections(file, text):
    file.write_text(FULL)
    loaded = ConfigFile(file)
    before = loaded.load()
    file.write_text(text)
    with pytest.raises(
        ConfigError, match=r"is it empty or cut off|lost all of its sections \(ami, queues\)"
    ) as refused:
        loaded.load()
    assert "\n" not in str(refused.value)
    file.write_text(FULL)
    assert loaded.load() == before


def test_a_reload_refuses_a_file_that_is_gone(file):
    file.write_text(FULL)
    loaded = ConfigFile(file)
    loaded.load()
    file.unlink()
    with pytest.raises(ConfigError, match="no such file"):
        loaded.load()


def test_a_reload_accepts_other_sections_beside_an_old_one(file):
    file.write_text(FULL)
    loaded = ConfigFile(file)
    loaded.load()
    file.write_text('[ami]\nsecret = "word"\n[log]\nlevel = "debug"\n')
    assert loaded.load().log.level == "debug"


# -- size and form


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "[" + "a." * 100_000 + "b]\nc = 1",
        "ami.port = " + "9" * 5_000,
        "ami.port = 0x" + "f" * 5_000,
        f'[queues."{"x" * 5_000_000}"]\nsurvey = ""',
        f'[queues."{"x" * 900_000}"]\nsurvey = ""',
        f"{'x' * 900_000} = 1",
        f'[general]\ntime_zone = "{"x" * 900_000}"',
        f'[digest]\nowner_addresses = {{ {"x" * 900_000} = "a@example.com" }}',
        f"[ami]\nhost = {'x' * 900_000}",
        "\ufeff\ufeff[ami]\nport = 1",
        "\0",
    ],
    ids=lambda text: text[:16],
)
def test_any_content_ends_in_one_short_line(file, text):
    file.write_text(text)
    done = check(file)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert len(line) < 1_500


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/urandom", "/proc/self/mem", "/"])
def test_any_path_ends_in_one_line(path):
    done = CliRunner().invoke(main, ["check", "--config", path])
    assert done.exit_code in {1, 2}
    assert done.stderr.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("option", ["secret_file", "tls_ca_file"])
def test_a_secret_file_without_an_end_is_refused(file, option):
    file.write_text(f'[ami]\n{option} = "/dev/zero"\n')
    done = check(file)
    if option == "secret_file":
        assert done.stderr == "Error: ami.secret_file = '/dev/zero': cannot be read: larger than 64 KiB\n"


def test_a_survey_file_without_an_end_is_refused(file, tmp_path):
    (tmp_path / "surveys").mkdir()
    (tmp_path / "surveys" / "zero.toml").symlink_to("/dev/zero")
    (tmp_path / "surveys" / "deep.toml").write_text("a = " + "[" * 100_000)
    file.write_text(f'[ami]\nsecret = "word"\n[survey]\ndirectory = "{tmp_path}/surveys"\n')
    lines = check(file).stderr.splitlines()
    assert [line.partition(": ")[2].partition(": ")[0] for line in lines[1:]] == ["cannot be read"]
    assert "nested too deeply" in lines[0]


def test_a_fault_without_a_line_quotes_no_line(file):
    file.write_text(f"[ami]\nport = {'1' * 5_000}\nusername = 'cc_bridge'\n")
    done = check(file)
    assert "too many digits" in done.stderr
    assert "username" not in done.stderr


def test_many_faults_are_cut(file):
    file.write_text("".join(f"a{n} = 1\n" for n in range(5_000)))
    lines = check(file).stderr.splitlines()
    assert len(lines) == 101
    assert lines[-1] == "... and 4900 more errors"


def test_the_name_of_a_queue_has_a_limit(file):
    file.write_text(f'[queues."{"x" * 128}"]\nsurvey = ""\n[queues.""]\nsurvey = ""\n')
    with pytest.raises(ConfigError, match=r"^queues: a name must have 1 to 128 characters$"):
        load(file)


@pytest.mark.parametrize("value", ["not json", "[" * 100_000, '{"sales": '])
def test_a_faulty_value_of_the_environment_gives_one_line(monkeypatch, value):
    monkeypatch.setenv("CC_BRIDGE_QUEUES", value)
    with pytest.raises(ConfigError, match=r"^the environment: ") as refused:
        load(None)
    assert "\n" not in str(refused.value)
    assert value not in str(refused.value)


# -- secrets


URLS = [
    "postgresql://user:s3cret@host/name",
    "postgresql://user:s3@cret@host/name",
    "postgresql://user:a/s3cret@host/name",
    "postgresql://host/name?password=s3cret",
    "postgresql://host/name?sslmode=require&sslpassword=s3cret",
    "postgresql://user:s3cret",
    "postgresql:/user:s3cret@host/name",
    "user:s3cret@host/name",
    "postgres://user:s3cret@host/name",
    "//user:s3cret@host",
    "",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "form",
    [
        '[storage]\nurl = "{}"\n',
        "[storage]\nurl = {}\n",
        '[storage]\nurl = """\n{}\n',
        'storage = "{}"\n',
        'storage = ["{}"]\n',
        '[storage]\nurl = ["{}"]\n',
        '[storage]\njournal_max_mb = "{}"\n',
        '[[webhooks]]\nname = "crm"\nurl = "{}"\n',
        'webhooks = ["{}"]\n',
        'ami = {{ secret = "{}", port = }}\n',
    ],
)
def test_no_part_of_a_password_is_printed(file, url, form):
    file.write_text("[agi]\nport = 14573\n" + form.format(url))
    done = check(file)
    for text in (done.stdout, done.stderr):
        assert "s3cret" not in text
        assert "cret@" not in text


def test_a_url_is_not_in_the_representation_of_the_configuration(file):
    file.write_text(f'[storage]\nurl = "{URLS[0]}"\n[[webhooks]]\nname = "a"\nurl = "https://a/s3cret"\n')
    config = load(file)
    assert "s3cret" not in repr(config)
    assert "s3cret" not in show(config)


def test_names_that_toml_must_quote_can_be_loaded_again(file):
    file.write_text(
        '[queues."a \\"b\\" \\u202e\\u001b"]\nsurvey = ""\n[customers.queue_groups]\n"x y" = ["a"]\n'
    )
    config = load(file)
    assert show(config).isprintable() is False  # line breaks only
    assert all(line.isprintable() for line in show(config).splitlines())
    file.write_text(show(config))
    assert load(file) == config
