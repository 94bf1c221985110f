"""The configuration: file, code and README say the same, and every fault is told at once."""

import os
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import SecretStr

from cc_bridge import config as module
from cc_bridge.config import Config, QueueConfig, load, show
from cc_bridge.errors import ConfigError

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "config" / "cc-bridge.toml"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith(module.ENV_PREFIX)]:
        monkeypatch.delenv(name)


def written(tmp_path, text):
    path = tmp_path / "cc-bridge.toml"
    path.write_text(text)
    return path


def test_the_shipped_file_holds_every_key_with_its_default():
    content = tomllib.loads(SHIPPED.read_text())
    defaults = Config().model_dump()
    assert defaults.pop("queues") == {}
    assert content.keys() == defaults.keys()
    for section, values in defaults.items():
        plain = {
            key: value.get_secret_value() if isinstance(value, SecretStr) else "" if value is None else value
            for key, value in values.items()
        }
        assert content[section] == plain, section


def test_every_key_of_the_shipped_file_is_explained():
    explained = False
    for line in SHIPPED.read_text().splitlines():
        if line.startswith("#"):
            explained = True
        elif line.startswith("["):
            explained = False
        elif " = " in line:
            key = line.split(" = ")[0]
            assert explained, f"{key} has no comment above it"
        elif not line:
            explained = False


def test_the_readme_names_only_keys_that_exist():
    text = (ROOT / "README.md").read_text()
    named = set(
        re.findall(
            r"`((?:pbx|ami|agi|http|storage|agents|survey|log|run|queue_defaults|queues)\.[a-z_.<>]+)`", text
        )
    )
    known = {f"{section}.{key}" for section, values in Config().model_dump().items() for key in values}
    known |= {f"queues.<name>.{key}" for key in QueueConfig.model_fields}
    assert named
    assert named <= known
    variables = set(re.findall(r"CC_BRIDGE_([A-Z]+)__([A-Z_]+)", text))
    assert {f"{section.lower()}.{key.lower()}" for section, key in variables} <= known


def test_all_faults_are_told_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_HTTP__PORT", "none")
    path = written(
        tmp_path,
        """
        [pbx]
        name = "a b"
        [ami]
        port = 70000
        hots = "x"
        [log]
        level = "loud"
        [queues.sales]
        service_level_seconds = -1
        [grafana]
        """,
    )
    with pytest.raises(ConfigError) as error:
        load(path)
    lines = str(error.value).splitlines()
    assert sorted(line.split(" = ")[0].split(":")[0] for line in lines) == [
        "ami.hots",
        "ami.port",
        "grafana",
        "http.port",
        "log.level",
        "pbx.name",
        "queues.sales.service_level_seconds",
    ]
    assert "ami.port = 70000: must be less than or equal to 65535" in lines
    assert "ami.hots: no such key; did you mean host?" in lines
    assert "log.level = 'loud': must be 'debug', 'info', 'warn' or 'error'" in lines


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_AMI__HOST", "10.0.0.5")
    config = load(written(tmp_path, '[ami]\nhost = "10.0.0.4"\nport = 5039\n'))
    assert (config.ami.host, config.ami.port) == ("10.0.0.5", 5039)


@pytest.mark.parametrize(
    ("text", "says"),
    [("[ami\n", "line 1"), ("[ami]\nport = 1\nport = 2\n", "line 3"), ("\xff", "utf-8")],
)
def test_a_file_that_is_not_toml_says_where(tmp_path, text, says):
    path = tmp_path / "cc-bridge.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=says):
        load(path)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "none.toml")


def test_the_secret_comes_from_a_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    config = load(written(tmp_path, f'[ami]\nsecret_file = "{secret}"\n'))
    assert config.ami.password() == "s3cret"


def test_a_secret_file_that_cannot_be_read_says_so(tmp_path):
    config = load(written(tmp_path, f'[ami]\nsecret_file = "{tmp_path}/none"\n'))
    with pytest.raises(ConfigError, match=r"ami\.secret_file"):
        config.ami.password()


def test_two_secrets_are_one_too_many(tmp_path):
    with pytest.raises(ConfigError, match="give secret or secret_file, not both"):
        load(written(tmp_path, '[ami]\nsecret = "a"\nsecret_file = "/x"\n'))


def test_secrets_are_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_AMI__SECRET", "s3cret")
    config = load(None)
    assert "s3cret" not in show(config)
    assert "s3cret" not in repr(config)
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, "[ami]\nport = 0\n"))
    assert "s3cret" not in str(error.value)


def test_what_is_shown_can_be_loaded(tmp_path):
    config = load(written(tmp_path, '[queues."the sales"]\nsurvey = false\n'))
    assert load(written(tmp_path, show(config))) == config


def test_queues_inherit_what_they_do_not_say(tmp_path):
    config = load(
        written(tmp_path, "[queue_defaults]\nservice_level_seconds = 30\n[queues.sales]\nsurvey = false\n")
    )
    assert config.queue("sales").service_level_seconds == 30
    assert not config.queue("sales").survey
    assert config.queue("unknown") == config.queue_defaults
