"""The configuration: the shipped file equals the defaults, and all faults are reported together."""

import os
import re
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from cc_bridge import config as module
from cc_bridge.config import Config, WebhookConfig, load, show
from cc_bridge.config.users import UserConfig
from cc_bridge.errors import ConfigError
from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.surveys.business_hours import BusinessHours
from cc_bridge.surveys.eligibility import EligibilityRules
from support.paths import ROOT

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
    assert content.pop("users") == {}
    defaults = Config().model_dump()
    assert defaults.pop("users") == {}
    assert defaults.pop("queues") == {}
    assert defaults.pop("webhooks") == []
    assert content.keys() == defaults.keys()
    for section, values in defaults.items():
        plain = {
            key: value.get_secret_value() if isinstance(value, SecretStr) else "" if value is None else value
            for key, value in values.items()
        }
        plain |= {key: str(value) for key, value in plain.items() if isinstance(value, Path)}
        assert content[section] == plain, section


def test_the_shipped_file_shows_every_key_of_a_webhook_with_its_default():
    commented = SHIPPED.read_text().split("# [[webhooks]]\n")[1].split("\n\n")[0]
    shown = tomllib.loads("\n".join(re.findall(r"^# ([a-z_]+ = .+)$", commented, re.MULTILINE)))
    fields = WebhookConfig.model_fields
    assert shown.keys() == fields.keys()
    defaults = WebhookConfig(name=shown["name"], url=shown["url"]).model_dump()
    for key in fields.keys() - {"name", "url", "secret", "secret_file", "tls_ca_file"}:
        assert shown[key] == defaults[key], key
    assert shown["secret"] == shown["secret_file"] == shown["tls_ca_file"] == ""


def test_the_shipped_file_shows_every_key_of_a_user_with_its_default():
    commented = SHIPPED.read_text().split("# [users.sara]\n")[1].split("\n\n")[0]
    shown = tomllib.loads("\n".join(re.findall(r"^# ([a-z_]+ = .+)$", commented, re.MULTILINE)))
    defaults = UserConfig().model_dump()
    assert shown == defaults | {"password_hash": defaults["password_hash"].get_secret_value()}


HASH = "$argon2id$v=19$m=19456,t=2,p=1$+XRRt/Idve2LDZAnEKnBmw$6Bb6VQd7YmTEuDKVTD6BWB0o6wf5Lv//xSoQ+A0ifXE"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[users.Sara]\nrole = "lead"', "users: 'Sara': a name must have 1 to 64 of the characters a-z"),
        ("[users.\"a b\"]\nrole = 'lead'", "users: 'a b': a name must"),
        ('[users.sara]\nrole = "boss"', "users.sara.role = 'boss': must be 'viewer', 'lead' or 'admin'"),
        ('[users.sara]\nroll = "lead"', "users.sara.roll: no such key; did you mean role?"),
        (
            '[users.sara]\npassword_hash = "secret-word"',
            "users.sara.password_hash = '********': must be a hash",
        ),
        (f'[users.sara]\npassword_hash = "{HASH.replace("19456", "9999999")}"', "must have m up to 262144"),
        (f'[users.sara]\npassword_hash = "{HASH.replace("id", "i")}"', "must be a hash"),
        ('[http]\nuser_header = "X User"', "http.user_header = 'X User': must be the name of a header"),
        ('[http]\nuser_header_role = "lead"', "http: user_header_role needs user_header"),
        ("[http]\nmetrics_need_token = true", "http: metrics_need_token needs token or token_file"),
        ('[http]\ntls_key = "/x"', "http: give both tls_certificate and tls_key, or none of them"),
    ],
)
def test_users_and_access_that_cannot_be_meant_are_told(tmp_path, text, says):
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, text))
    assert says in str(error.value)
    assert "secret-word" not in str(error.value)


def test_users_are_shown_without_their_hash_and_can_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_USERS__ALI__ROLE", "admin")
    config = load(written(tmp_path, f'[users."sara@example.com"]\nrole = "lead"\npassword_hash = "{HASH}"\n'))
    assert config.users["sara@example.com"].password_hash.get_secret_value() == HASH
    assert (config.users["sara@example.com"].role, config.users["ali"].role) == ("lead", "admin")
    shown = show(config)
    assert '[users."sara@example.com"]\nrole = "lead"\npassword_hash = "********"\n' in shown
    assert HASH not in shown


def test_the_owner_of_the_defaults_has_all_queues_without_another_owner(tmp_path):
    text = '[queue_defaults]\nowner = "sara"\n[queues.Billing]\n[queues.sales]\nowner = "ali"\n'
    config = load(written(tmp_path, text))
    assert config.queues_of("sara", ["billing", "SALES", "tech"]) == ("billing", "tech")
    assert (config.queues_of("sara"), config.queues_of("ali"), config.queues_of("")) == (
        ("Billing",), ("sales",), (),
    )  # fmt: skip


WEBHOOK = '[[webhooks]]\nname = "crm"\nsecret = "whsec_x"\nurl = '


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (WEBHOOK + '"http://crm.example.com/"', "start with https://"),
        (WEBHOOK + '"https://user:pass@crm.example.com/"', "without user"),
        (WEBHOOK + '"https:///events"', "must be like https://"),
        (WEBHOOK + '"ftp://crm.example.com/"', "webhooks.0.url"),
        (WEBHOOK + '"https://a/"\nsecret_file = "/x"', "not both"),
        (WEBHOOK + '"https://a/"\nevents = ["call_began"]', "must be 'call_ended'"),
        (WEBHOOK + '"https://a/"\nurls = 1', "did you mean url?"),
        (2 * (WEBHOOK + '"https://a/"\n'), "each needs a different name"),
    ],
)
def test_webhooks_that_cannot_be_meant_are_told_without_their_secret(tmp_path, text, says):
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, text))
    assert says in str(error.value)
    assert "whsec_x" not in str(error.value)


def test_the_secret_of_a_webhook_is_of_its_form_and_comes_from_a_file(tmp_path):
    file = tmp_path / "secret"
    text = f'[[webhooks]]\nname = "crm"\nurl = "https://a/"\nsecret_file = "{file}"\n'
    webhook = load(written(tmp_path, text)).webhooks[0]
    with pytest.raises(ConfigError, match=r"webhooks\.crm\.secret_file"):
        webhook.keys()
    file.write_text("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")
    assert webhook.keys() == (bytes(24),)
    file.write_text("hush")
    with pytest.raises(ConfigError, match=r"^webhooks\.crm\.secret: must be whsec_") as error:
        webhook.keys()
    assert "hush" not in str(error.value)


def test_webhooks_are_shown_and_can_be_loaded_again(tmp_path):
    text = WEBHOOK + '"http://127.0.0.1:8080/"\nlow_ratings = {csat = 1}\n[queues.sales]\nsurvey = ""\n'
    config = load(written(tmp_path, text))
    assert config.webhooks[0].low_ratings == {"csat": 1}
    assert "whsec_x" not in show(config)
    again = load(written(tmp_path, show(config).replace("********", "whsec_x")))
    assert again == config
    inside = WEBHOOK + '"http://crm:8080/"\nallow_http = true\n'
    assert load(written(tmp_path, inside)).webhooks[0].allow_http


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
    config = load(written(tmp_path, '[queues."the sales"]\nsurvey = ""\n'))
    assert load(written(tmp_path, show(config))) == config


def test_hashed_keys_need_a_secret_which_is_never_shown(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a secret of the centre\n")
    plain = load(written(tmp_path, '[callers]\ncountry_code = "98"\n')).callers.caller_keys()
    assert plain == CallerKeys("plain", b"", "98")
    text = f'[callers]\nnumber_storage = "hashed"\nhash_secret_file = "{secret}"\n'
    assert load(written(tmp_path, text)).callers.caller_keys().secret == b"a secret of the centre"
    inline = load(
        written(tmp_path, '[callers]\nnumber_storage = "hashed"\nhash_secret = "a secret of the centre"\n')
    )
    assert "of the centre" not in show(inline)
    assert "of the centre" not in repr(inline)
    for faulty in (
        '[callers]\nnumber_storage = "hashed"\n',
        '[callers]\nnumber_storage = "masked"\n',
        f'[callers]\nhash_secret = "a secret of the centre"\nhash_secret_file = "{secret}"\n',
    ):
        with pytest.raises(ConfigError, match=r"^callers: masked and hashed numbers need") as error:
            load(written(tmp_path, faulty))
        assert "of the centre" not in str(error.value)


@pytest.mark.parametrize("content", ["", "15 characters..", None])
def test_a_secret_that_hides_nothing_is_refused(tmp_path, content):
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_text(content + "\n")
    config = load(written(tmp_path, f'[callers]\nnumber_storage = "hashed"\nhash_secret_file = "{secret}"\n'))
    with pytest.raises(ConfigError, match=r"^callers\.hash_secret"):
        config.callers.caller_keys()


def test_the_value_of_a_secret_is_not_told_with_its_fault(tmp_path):
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, "[callers]\nhash_secret = 12345678\n[ami]\nsecret = 12345678\n"))
    assert len(str(error.value).splitlines()) == 2
    assert "12345678" not in str(error.value)


def test_the_rules_are_those_of_the_queue(tmp_path):
    config = load(
        written(
            tmp_path,
            """
            [agi]
            max_callers = 50
            [general]
            time_zone = "Asia/Tehran"
            [survey]
            max_load_ratio = 0.5
            [queue_defaults]
            sampling_percent = 25
            [queues.sales]
            survey = "sales_nps"
            min_talk_seconds = 30
            survey_transferred = false
            require_agent_hangup = true
            min_days_between_surveys = 30
            max_surveys_per_day = 200
            max_surveys_per_agent_per_day = 10
            survey_from = "20:00"
            survey_until = "02:00"
            survey_weekdays = "sat-wed"
            consent = "required"
            """,
        )
    )
    assert config.queue("sales").rules(config.survey, config.agi, config.general.zone) == EligibilityRules(
        survey="sales_nps",
        sampling_percent=25.0,
        min_talk_seconds=30.0,
        transferred=False,
        require_agent_hangup=True,
        min_days_between_surveys=30.0,
        max_surveys_per_day=200,
        max_surveys_per_agent_per_day=10,
        hours=BusinessHours(ZoneInfo("Asia/Tehran"), 20 * 60, 2 * 60, frozenset({5, 6, 0, 1, 2})),
        consent_required=True,
        most_running=25,
    )
    assert config.days_to_remember == 30


def test_by_default_everybody_is_asked_after_a_talk_of_five_seconds():
    config = Config()
    rules = config.queue("sales").rules(config.survey, config.agi, config.general.zone)
    assert rules == EligibilityRules(min_talk_seconds=5.0, most_running=80)
    assert config.days_to_remember == 2


def test_where_surveys_are_off_no_queue_has_one(tmp_path):
    config = load(written(tmp_path, "[survey]\nenabled = false\n"))
    assert config.queue("sales").rules(config.survey, config.agi, config.general.zone).survey == ""


def test_at_least_one_survey_may_run(tmp_path):
    config = load(written(tmp_path, "[agi]\nmax_callers = 1\n[survey]\nmax_load_ratio = 0.1\n"))
    assert config.queue("sales").rules(config.survey, config.agi, config.general.zone).most_running == 1


@pytest.mark.parametrize(
    ("section", "line", "says"),
    [
        ("queues.sales", 'survey_from = "24:00"', "'24:00': must be before 24:00"),
        ("queues.sales", 'survey_until = "25:00"', "'25:00': must be a time such as 08:30"),
        ("queues.sales", 'survey_weekdays = "mon-fry"', "'mon-fry': must be weekdays such as mon-fri"),
        ("queues.sales", 'consent = "needed"', "'needed': must be 'not_needed' or 'required'"),
        ("queues.sales", "sampling_percent = 101", "101: must be less than or equal to 100"),
        ("queues.sales", "survey = true", "True: must be a valid string"),
        ("general", 'time_zone = "Asia"', "'Asia': must be a time zone such as Asia/Tehran"),
        ("general", 'time_zone = "Tehran"', "'Tehran': must be a time zone such as Asia/Tehran"),
        ("general", 'time_zone = "../../etc/passwd"', "'../../etc/passwd': must be a time zone"),
        ("callers", 'number_storage = "md5"', "'md5': must be 'plain', 'masked' or 'hashed'"),
    ],
)
def test_what_cannot_be_meant_is_told_with_key_and_value(tmp_path, section, line, says):
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, f"[{section}]\n{line}\n"))
    key = line.split(" = ")[0]
    assert str(error.value).startswith(f"{section}.{key} = {says}")
    assert len(str(error.value).splitlines()) == 1


def test_queues_inherit_what_they_do_not_say(tmp_path):
    config = load(
        written(tmp_path, "[queue_defaults]\nservice_level_seconds = 30\n[queues.sales]\nsurvey = ''\n")
    )
    assert config.queue("sales").service_level_seconds == 30
    assert not config.queue("sales").survey
    assert config.queue("unknown") == config.queue_defaults


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[retention]\nratings_days = 29\n[queues.sales]\nmin_days_between_surveys = 30\n",
         "retention.ratings_days = 29: must be 0 or at least 30"),
        ("[retention]\nsurvey_decisions_days = 10\n[callback]\nenabled = true\n",
         "retention.survey_decisions_days = 10: must be 0 or at least 30"),
        ("[retention]\nratings_days = 1\n", "retention.ratings_days = 1: must be 0 or at least 2"),
    ],
)  # fmt: skip
def test_nothing_is_deleted_that_must_be_known_to_ask_nobody_too_often(tmp_path, text, says):
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, text))
    assert str(error.value).startswith(says)
    assert len(str(error.value).splitlines()) == 1


def test_the_token_of_the_pages_comes_from_a_file_and_is_never_shown(tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-of-the-house\n")
    config = load(written(tmp_path, f'[http]\ntoken_file = "{token}"\n'))
    assert config.http.access_token() == "a-token-of-the-house"
    inline = load(written(tmp_path, '[http]\ntoken = "a-token-of-the-house"\n'))
    assert "of-the-house" not in show(inline) + repr(inline)
    with pytest.raises(ConfigError, match="give token or token_file, not both"):
        load(written(tmp_path, f'[http]\ntoken = "a-token-of-the-house"\ntoken_file = "{token}"\n'))
    assert not Config().http.access_token()


@pytest.mark.parametrize("content", ["", "too-short", "with a blank in it", "x" * 201, "گفتگو" * 4, None])
def test_a_token_that_no_browser_could_send_is_refused(tmp_path, content):
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    config = load(written(tmp_path, f'[http]\ntoken_file = "{token}"\n'))
    with pytest.raises(ConfigError, match=r"^http\.token"):
        config.http.access_token()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("waiting_critical = 2", "waiting_critical must not be below waiting_warning"),
        ("abandoned_warning = 50", "abandoned_critical must not be below abandoned_warning"),
        ("service_level_critical = 80", "service_level_critical must be below service_level_warning"),
        ("csat_warning = 10", "csat_critical must be below csat_warning"),
    ],
)
def test_to_act_is_worse_than_to_warning(tmp_path, line, says):
    with pytest.raises(ConfigError, match=rf"^wallboard: {says}$"):
        load(written(tmp_path, f"[wallboard]\n{line}\n"))


@pytest.mark.parametrize(("begin", "end"), [("20:00", "09:00"), ("09:00", "09:00"), ("09:00", "00:00")])
def test_callbacks_never_pass_midnight(tmp_path, begin, end):
    with pytest.raises(ConfigError, match=r"call_until .* must be later than call_from .*pass midnight"):
        load(written(tmp_path, f'[callback]\ncall_from = "{begin}"\ncall_until = "{end}"\n'))
    config = load(written(tmp_path, f'[callback]\ncall_from = "{begin}"\ncall_until = "24:00"\n'))
    assert config.callback.call_until == "24:00"
