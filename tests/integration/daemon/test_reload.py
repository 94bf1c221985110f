"""A whole daemon whose configuration changes at run time: each option is applied everywhere, or reported."""

import socket
from fnmatch import fnmatchcase

import pytest
from pydantic import BaseModel
from twisted.internet import reactor
from twisted.internet.error import CannotListenError

from cc_bridge.config import Config, QueueConfig
from cc_bridge.daemon import main as daemon
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.daemon.service import DaemonService
from cc_bridge.errors import CcBridgeError, ConfigError
from support.reactor_loop import result_of, until


@pytest.fixture
def config(tmp_path):
    def config(**options):
        usual = {
            "ami": {"port": 1, "secret": "s"},
            "agi": {"port": 0},
            "http": {"port": 0},
            "run": {"shutdown_timeout_seconds": 0},
            "storage": {"url": f"sqlite:///{tmp_path / 'calls.sqlite'}"},
            "callback": {"enabled": True, "secret": "s"},
        }
        return Config(**{name: usual.get(name, {}) | options.get(name, {}) for name in usual | options})

    return config


@pytest.fixture
def bridge(config):
    bridge = Bridge(config(), reactor)
    until(lambda: True)  # starts the reactor
    bridge.startService()
    yield bridge
    result_of(bridge.stopService(), 30)


def services(bridge):
    found = list(bridge)
    for each in found:
        if not isinstance(each, DaemonService) and hasattr(each, "services"):
            found += list(each)
    return [each for each in found if isinstance(each, DaemonService)]


def test_another_folder_for_recordings_is_in_force_for_surveys_and_retention(bridge, config):
    assert bridge.reconfigure(config(survey={"recordings_directory": "/elsewhere"})) == []
    assert bridge.scripts.survey.recordings == "/elsewhere"
    assert bridge.jobs.getServiceNamed("retention purge").config.survey.recordings_directory == "/elsewhere"


def test_another_time_zone_is_in_force_for_call_backs_too(bridge, config):
    assert bridge.callbacks.plan.rules.hours.zone is None
    assert bridge.reconfigure(config(general={"time_zone": "Asia/Tehran"})) == []
    assert str(bridge.callbacks.plan.rules.hours.zone) == "Asia/Tehran"
    assert {str(each.config.general.zone) for each in services(bridge)} == {"Asia/Tehran"}


def test_rules_of_call_backs_are_in_force_and_their_account_needs_a_restart(bridge, config):
    later = bridge.reconfigure(config(callback={"max_per_hour": 7, "username": "another"}))
    assert later == ["callback.username"]
    assert bridge.callbacks.plan.rules.max_per_hour == 7


def test_users_come_change_and_leave_without_a_restart(bridge, config):
    rules = bridge.access.site.rules
    assert (dict(rules().users), bridge.access.config.queues_of("sara")) == ({}, ())
    owned = {"queues": {"sales": {"owner": "sara"}}, "http": {"user_header": "Remote-User"}}
    users = {"sara": {"role": "lead"}, "ali": {"role": "admin"}}
    assert bridge.reconfigure(config(users=users, **owned)) == []
    assert {name: str(user.role) for name, user in rules().users.items()} == {"sara": "lead", "ali": "admin"}
    assert (rules().queues_of("sara"), rules().user_header) == (("sales",), "Remote-User")
    assert bridge.reconfigure(config(users={"sara": {"role": "viewer"}})) == []
    assert {name: str(user.role) for name, user in rules().users.items()} == {"sara": "viewer"}
    assert (rules().queues_of("sara"), rules().user_header) == ((), "")
    assert bridge.reconfigure(config()) == []
    assert dict(rules().users) == {}


def test_what_needs_a_restart_changes_nowhere(bridge, config):
    after = config(
        pbx={"name": "another"},
        queue_defaults={"service_level_seconds": 99, "survey": ""},
        log={"format": "json", "level": "debug"},
    )
    later = bridge.reconfigure(after)
    assert later == ["pbx.name", "log.format", "queue_defaults.service_level_seconds"]
    for each in services(bridge):
        assert each.config.pbx.name == "pbx"
        assert each.config.queue("sales").service_level_seconds == 20
        assert each.config.queue("sales").survey == ""
    assert bridge.config.log.level == "debug"


def test_a_faulty_survey_refuses_the_whole_file(bridge, config):
    before = bridge.config
    with pytest.raises(CcBridgeError, match="no such survey"):
        bridge.reconfigure(config(queue_defaults={"survey": "none_of_this_name"}, log={"level": "debug"}))
    assert bridge.config is before
    assert all(each.config.log.level == "info" for each in services(bridge))


def options(model, prefix=""):
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from options(section, f"{prefix}{name}.")
        elif name == "queues":
            yield from options(QueueConfig, "queues.sales.")
        else:
            yield f"{prefix}{name}"


def test_all_that_is_taken_over_is_an_option(bridge):
    names = list(options(Config))
    patterns = [pattern for each in [bridge, *services(bridge)] for pattern in each.taken_over]
    assert len(patterns) > 30
    assert [each for each in patterns if not any(fnmatchcase(name, each) for name in names)] == []


def test_a_port_that_is_taken_ends_the_start_before_anything_runs(config):
    until(lambda: True)  # starts the reactor
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        bridge = Bridge(config(agi={"port": port}), reactor)
        with pytest.raises(CannotListenError):
            bridge.startService()
        assert not bridge.running
        assert not bridge.pipeline.writer.alive
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}, where `.*` .* listens: "):
            daemon.start(config(agi={"port": port}))
