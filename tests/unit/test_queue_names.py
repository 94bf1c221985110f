"""Queue names in different case: which are one queue, and where the spelling must not matter."""

from datetime import date

import pytest

from cc_bridge.config import Config, load
from cc_bridge.config.report_parameters import localization, report_query
from cc_bridge.digest.builder import owned_queues
from cc_bridge.errors import ConfigError
from cc_bridge.queue_names import QueueMap, QueueNames, queue_key
from cc_bridge.reports.query import Dimension

CONFIG = Config(
    queues={"SALES": {"title": "Sales desk", "service_level_seconds": 11, "owner": "sara"}},
    customers={"queue_groups": {"shop": ["Sales", "ORDERS"]}},
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Sales", "sALES", True),
        ("600", "600", True),
        ("sales", "sales2", False),
        ("Straße", "STRASSE", False),
        ("É", "é", False),  # Asterisk folds the letters of ASCII only
        ("فروش-VIP", "فروش-vip", True),
    ],
)
def test_names_are_compared_as_asterisk_does(one, other, same):
    assert (queue_key(one) == queue_key(other)) is same
    assert (other in QueueNames([one])) is same
    assert (other in QueueMap({one: 1})) is same


def test_the_last_spelling_of_a_name_is_kept():
    names = QueueNames(["SALES", "support"])
    names.add("sales")
    assert [*names] == ["sales", "support"]
    assert names.spelled("Sales") == "sales"
    assert names.spelled("Billing") == "Billing"


def test_a_map_keeps_the_given_spelling_and_refuses_a_second_one():
    queues = QueueMap({"SALES": 1, "support": 2})
    assert (queues["sales"], queues.get("Support"), queues.get("billing")) == (1, 2, None)
    assert list(queues.items()) == [("SALES", 1), ("support", 2)]
    assert queues == {"SALES": 1, "support": 2}
    with pytest.raises(ValueError, match="'SALES' and 'sales' are the same queue"):
        QueueMap({"SALES": 1, "sales": 2})


def test_a_section_applies_to_its_queue_in_any_case():
    assert CONFIG.queue("sales").service_level_seconds == 11
    assert CONFIG.queue_title("Sales") == "Sales desk"
    assert CONFIG.customers.group("sales") == CONFIG.customers.group("Orders") == "shop"
    assert CONFIG.customers.group("other") == "other"


def test_reports_have_the_settings_and_titles_of_the_queue_in_any_case():
    ask = report_query(CONFIG, date(2026, 11, 1), date(2026, 11, 30), ("Sales",))
    assert ask.of("sales").threshold == 11
    assert (ask.covers("sALES"), ask.covers("support")) == (True, False)
    assert localization(CONFIG, ask).key(Dimension.QUEUE, "sales") == "Sales desk"


def test_an_owners_queue_is_named_once_as_the_pbx_spells_it():
    assert owned_queues(CONFIG, "sara", {"sales", "support"}) == ("sales",)
    assert owned_queues(CONFIG, "sara", set()) == ("SALES",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[queues.Sales]\n[queues.SALES]", "queues: 'Sales' and 'SALES' are the same queue"),
        ("[customers]\nqueue_groups = {a = ['Sales'], b = ['sales']}", "a queue belongs to one group only"),
    ],
)
def test_two_settings_of_one_queue_are_an_error(tmp_path, text, says):
    file = tmp_path / "cc-bridge.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says):
        load(file)


def test_an_environment_variable_sets_an_option_of_the_section_in_the_file(tmp_path, monkeypatch):
    file = tmp_path / "cc-bridge.toml"
    file.write_text("[queues.Sales]\nservice_level_seconds = 11\n")
    monkeypatch.setenv("CC_BRIDGE_QUEUES__SALES__OWNER", "sara")
    config = load(file)
    assert list(config.queues) == ["Sales"]
    assert (config.queue("sales").service_level_seconds, config.queue("sales").owner) == (11, "sara")
