"""Titles of queues: how they are configured, and that each output for people shows them."""

from datetime import date
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from cc_bridge.config import Config
from cc_bridge.config.report_parameters import localization, report_query
from cc_bridge.daemon.services.queues_in_use import in_use
from cc_bridge.metrics.record_metrics import RecordMetrics
from cc_bridge.reports.figures import Report, ReportRow, ReportTable
from cc_bridge.reports.query import Dimension
from cc_bridge.reports.render.data import as_csv
from cc_bridge.reports.render.html import as_html
from cc_bridge.reports.render.terminal import as_table

SALES = {"en": "Sales", "fa": "فروش"}
CONFIG = Config(queues={"600": {"title": SALES}, "601": {"title": "Support"}, "602": {}})


def test_a_title_is_for_one_language_or_for_all():
    assert [CONFIG.queue_title("600", language) for language in ("en", "fa")] == ["Sales", "فروش"]
    assert CONFIG.queue_titles("601") == {"en": "Support", "fa": "Support"}
    assert CONFIG.queue_titles("602") == {"en": "602", "fa": "602"}  # no title
    assert CONFIG.queue_titles("603") == {"en": "603", "fa": "603"}  # not configured


def test_a_title_in_one_language_serves_the_other():
    config = Config(queues={"600": {"title": {"fa": "فروش"}}})
    assert config.queue_title("600", "en") == "فروش"


def test_without_a_language_the_title_is_that_of_the_reports():
    assert Config(reports={"language": "fa"}, queues={"600": {"title": SALES}}).queue_title("600") == "فروش"


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"queue_defaults": {"title": "Sales"}}, r"title: set it in \[queues.NAME\]"),
        ({"queues": {"600": {"title": {"de": "Verkauf"}}}}, "should be 'en' or 'fa'"),
        ({"queues": {"600": {"title": "two\nlines"}}}, "one line of 1 to 64 characters"),
        ({"queues": {"600": {"title": {"en": ""}}}}, "one line of 1 to 64 characters"),
        ({"queues": {"600": {"title": "x" * 65}}}, "one line of 1 to 64 characters"),
        ({"queues": {"600": {"title": 600}}}, "must be a text, or a table"),
    ],
)
def test_a_title_that_cannot_be_shown_is_an_error(section, fault):
    with pytest.raises(ValueError, match=fault):
        Config(**section)


# -- reports and metrics


def report():
    ask = report_query(CONFIG, date(2026, 11, 1), date(2026, 11, 2), ("600", "602"))
    rows = tuple(ReportRow((queue,), ()) for queue in ("600", "602"))
    return Report("service", ask, (ReportTable("queues", (("queue", Dimension.QUEUE),), (), rows),))


@pytest.mark.parametrize(("language", "title"), SALES.items())
def test_a_report_for_people_shows_the_title(language, title):
    wording = localization(CONFIG, language=language)
    for text in (as_html(report(), wording, 1_795_900_000.0), as_table(report(), wording, width=100)):
        assert title in text
        assert "602" in text


def test_a_report_for_programs_shows_the_name():
    assert as_csv(report().tables[0], localization(CONFIG)).split() == ["queue", "600", "602"]


def test_a_metric_has_the_title_as_label():
    metrics = RecordMetrics(CollectorRegistry(), "main", ())
    metrics.init_queue("600", 20.0, title="Sales")
    metrics.init_queue("602", 20.0)
    page = metrics.page("")[0].decode()
    assert 'cc_bridge_queue_info{pbx="main",queue="600",title="Sales"} 1' in page
    assert 'cc_bridge_queue_info{pbx="main",queue="602",title="602"} 1' in page


# -- FreePBX's queue `default`


def pbx(queues, members=(), waiting=(), talking=()):
    return SimpleNamespace(
        queues=frozenset(queues),
        members=dict.fromkeys(members),
        waiting=lambda: [SimpleNamespace(queue=queue) for queue in waiting],
        talks=SimpleNamespace(in_progress=lambda: [SimpleNamespace(queue=queue) for queue in talking]),
    )


def test_the_empty_queue_of_freepbx_is_left_out():
    assert in_use(pbx({"600", "default"}, [("600", "PJSIP/1")]), Config()) == {"600"}


@pytest.mark.parametrize(
    "live",
    [
        {"members": [("default", "PJSIP/1")]},
        {"waiting": ["default"]},
        {"talking": ["default"]},
    ],
)
def test_a_queue_of_that_name_that_is_used_is_shown(live):
    assert in_use(pbx({"600", "default"}, **live), Config()) == {"600", "default"}


def test_a_queue_of_that_name_that_is_configured_is_shown():
    assert in_use(pbx({"default"}), Config(queues={"default": {}})) == {"default"}
