"""Services: the order of their start and stop, and the settings that a reload applies."""

import pytest
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred

from cc_bridge.config import Config
from cc_bridge.daemon.service import DaemonService, SequentialServices, changed_options, per_queue
from cc_bridge.errors import ConfigError
from support.service_context import context


class Part(DaemonService):
    """A service that appends its start and stop to `events`."""

    def __init__(self, name, events, stopped=None, taken_over=()):
        super().__init__(context())
        self.title, self.events, self.stopped = name, events, stopped
        self.taken_over = taken_over

    def start(self):
        self.events.append(f"{self.title} starts")

    def stop(self):
        self.events.append(f"{self.title} stops")
        return self.stopped


def sequence(*parts, config=None):
    services = SequentialServices(config or Config())
    for part in parts:
        part.setServiceParent(services)
    return services


# -- the order


def test_services_stop_in_reverse_each_after_the_one_before():
    events, slow = [], Deferred()
    services = sequence(Part("a", events), Part("b", events), Part("c", events, slow))
    services.startService()
    assert events == ["a starts", "b starts", "c starts"]
    stopped = []
    services.stopService().addCallback(stopped.append)
    assert events[3:] == ["c stops"]
    slow.callback(None)
    assert events[3:] == ["c stops", "b stops", "a stops"]
    assert stopped == [None]


def test_one_that_fails_to_stop_keeps_no_other_from_it(logged):
    events, broken = [], Deferred()
    services = sequence(Part("a", events), Part("b", events, broken))
    services.startService()
    stopped = []
    services.stopService().addCallback(stopped.append)
    broken.errback(OSError("no"))
    assert (events[-1], stopped) == ("a stops", [None])
    assert any(event["log_level"].name == "critical" for event in logged)


# -- a reload


def changed(**options):
    return list(changed_options(Config(), Config(**options)))


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, []),
        (
            {"survey": {"max_load_ratio": 0.5, "directory": "/s"}},
            ["survey.directory", "survey.max_load_ratio"],
        ),
        ({"wallboard": {"queues": ["sales"]}}, ["wallboard.queues"]),
        ({"http": {"token": "another-token-of-theirs"}}, ["http.token"]),
        ({"customers": {"queue_groups": {"a": ["sales"]}}}, ["customers.queue_groups"]),
        ({"webhooks": [{"name": "crm", "url": "https://x/", "secret": "whsec_" + "YWJj" * 8}]}, ["webhooks"]),
    ],
)
def test_changed_options_have_their_names_in_the_file(options, names):
    assert changed(**options) == names


def reload(before, after, **part):
    one = Part("one", [], **part)
    services = sequence(one, config=Config(**before))
    later = services.reconfigure(Config(**after))
    return later, one.config, services


def test_an_option_that_no_service_takes_over_needs_a_restart_and_stays():
    after = {"survey": {"max_load_ratio": 0.5, "recordings_directory": "/r"}}
    later, config, services = reload({}, after, taken_over=("survey.max_load_ratio",))
    assert later == ["survey.recordings_directory"]
    assert config.survey.max_load_ratio == 0.5
    assert config.survey.recordings_directory == Config().survey.recordings_directory
    assert services.config == config
    assert services.reconfigure(Config(**after)) == later  # the option still needs a restart
    assert services.reconfigure(Config()) == []  # the change was undone


def test_options_of_queues_by_default_and_by_name():
    before = {"queues": {"sales": {"survey": "nps"}}}
    after = {"queue_defaults": {"owner": "sara", "wrap_up_seconds": 9}, "queues": {"support": {"survey": ""}}}
    later, config, _ = reload(before, after, taken_over=per_queue("survey", "owner"))
    assert later == ["queue_defaults.wrap_up_seconds", "queues.sales.wrap_up_seconds",
                     "queues.support.wrap_up_seconds"]  # fmt: skip
    assert [config.queue(name).survey for name in ("sales", "support", "other")] == ["csat", "", "csat"]
    assert {config.queue(name).owner for name in ("sales", "support", "other")} == {"sara"}
    assert {config.queue(name).wrap_up_seconds for name in ("sales", "support", "other")} == {0}


def test_a_section_that_is_renamed_in_case_only_stays_one_section():
    part = Part("a", [], taken_over=per_queue("owner"))
    services = sequence(part, config=Config(queues={"sales": {"owner": "sara"}, "support": {}}))
    assert services.reconfigure(Config(queues={"SALES": {"owner": "omid"}})) == []
    assert dict(part.config.queues).keys() == {"SALES", "support"}
    assert part.config.queue("sales").owner == "omid"


def test_services_within_services_take_over_too():
    inner, part = MultiService(), Part("one", [], taken_over=("run.shutdown_timeout_seconds",))
    part.setServiceParent(inner)
    services = sequence(inner)
    assert services.reconfigure(Config(run={"shutdown_timeout_seconds": 3})) == []
    assert part.config.run.shutdown_timeout_seconds == 3


def test_a_first_service_that_refuses_keeps_all_as_it_was():
    class Refusing(Part):
        def reconfigure(self, config):
            raise ConfigError("no such survey")

    second = Part("two", [], taken_over=("run.*",))
    services = sequence(Refusing("one", []), second)
    with pytest.raises(ConfigError):
        services.reconfigure(Config(run={"shutdown_timeout_seconds": 3}))
    assert second.config == services.config == Config()
