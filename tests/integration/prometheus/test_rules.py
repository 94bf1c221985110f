"""Alerting and recording rules, samples and KPI catalogue: they match; promtool and amtool accept them."""

import json
import re
import subprocess
from collections import Counter as Tally

import pytest
import yaml
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from cc_bridge.cli import main
from cc_bridge.kpis.service_level import ServiceLevelDefinition
from cc_bridge.metrics.families import BY_NAME
from cc_bridge.metrics.reference import metrics_in, records_in, uses_in_dashboard, uses_in_rules
from support.generate import COMMAND
from support.paths import ROOT
from unit.metrics.test_families import everything

FOLDER = ROOT / "config" / "prometheus"
CASES = ROOT / "tests" / "integration" / "prometheus"
README = (ROOT / "README.md").read_text()
RULE_FILES = sorted(FOLDER.glob("*_rules.yml"))
BOARDS = sorted((ROOT / "config").glob("grafana/**/*.json"))
GROUPS = [group for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"]]
RECORDS = [rule for group in GROUPS for rule in group["rules"] if "record" in rule]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
EXPRESSIONS = [rule["expr"] for group in GROUPS for rule in group["rules"]]
RUNBOOK = (FOLDER / "README.md").read_text().split("\n## Runbook\n")[1]
# GitHub's anchor of an alert's heading is the alert's name in lower case.
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=\n### |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
_PART = re.compile(r"_(bucket|sum|count)$")
KNOWN = {family.exposed_name for family in BY_NAME.values()}


def expressions(part):
    """Yield every query in a part of a dashboard."""
    if isinstance(part, dict):
        yield from (part[key] for key in ("expr", "query", "definition") if isinstance(part.get(key), str))
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from expressions(each)


QUERIES = [query for path in BOARDS for query in expressions(json.loads(path.read_text()))]


def tool(name, *arguments):
    """Run a program of Prometheus on our files. Return its output if it fails, else an empty text."""
    done = subprocess.run([name, *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


# -- promtool and amtool


@pytest.mark.prometheus
@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.name)
def test_promtool_finds_nothing_wrong_with_the_rules(path):
    assert tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", path) == ""


@pytest.mark.prometheus
@pytest.mark.parametrize("path", sorted(CASES.glob("*.yml")), ids=lambda path: path.name)
def test_the_rules_do_what_their_tests_say(path):
    assert tool("promtool", "test", "rules", path) == ""


@pytest.mark.prometheus
def test_the_samples_are_configurations():
    assert tool("promtool", "check", "config", FOLDER / "prometheus.yml") == ""
    assert tool("amtool", "check-config", FOLDER / "alertmanager.yml") == ""


# -- names


def test_every_metric_in_rules_alerts_and_panels_exists():
    named = {name for text in [*EXPRESSIONS, *QUERIES] for name in metrics_in(text)}
    assert len(named) > 25
    assert named <= KNOWN


def exported_values():
    """Return the values of each label, by metric and label, on a page where every event has happened."""
    values = {}
    for family in text_string_to_metric_families(everything().page("")[0].decode()):
        for sample in family.samples:
            for label, value in sample.labels.items():
                values.setdefault((_PART.sub("", sample.name), label), set()).add(value)
    return values


def matched(text):
    """Yield metric, label and value for each label value that a selector in the text names."""
    for metric, selector in re.findall(r"(?<![:\w])(cc_bridge_\w+)\{([^}]*)\}", text):
        for label, value in re.findall(r'(\w+)\s*(?:=~|!=|!~|=)\s*"([^"]*)"', selector):
            yield from ((_PART.sub("", metric), label, each) for each in value.split("|"))


def test_every_label_and_value_that_is_asked_for_is_exported():
    given = {"job", "instance", "pbx"}  # set by Prometheus or present in every metric
    configured = {"queue", "owner", "endpoint", "table", "digest"}  # their values differ between sites
    exported = exported_values()
    series = [
        text for path in CASES.glob("*.yml") for text in re.findall(r"series: '(.*)'", path.read_text())
    ]
    asked = {each for text in [*EXPRESSIONS, *QUERIES, *series] for each in matched(text)}
    assert len(asked) > 60
    for metric, label, value in asked:
        if label not in given:
            assert (metric, label) in exported, (metric, label)
            if label not in configured and not metric.endswith("ratings_total"):
                assert value in exported[metric, label], (metric, label, value)


def test_every_label_that_is_grouped_by_or_shown_is_exported():
    labels = {label for _, label in exported_values()} | {"job", "instance", "alertname", "definition"}
    for text in [*EXPRESSIONS, *QUERIES]:
        for group in re.findall(r"\b(?:by|without|on|ignoring|group_left)\s*\(([^)]*)\)", text):
            assert set(re.findall(r"\w+", group)) <= labels, text
    for alert in ALERTS.values():
        shown = set(re.findall(r"\$labels\.(\w+)", "".join(alert["annotations"].values())))
        assert shown <= labels, alert["alert"]


def test_every_record_that_is_used_exists():
    records = {rule["record"] for rule in RECORDS}
    assert {name for text in [*EXPRESSIONS, *QUERIES] for name in records_in(text)} <= records


def test_every_metric_is_used_or_says_what_it_is_for():
    used = {metric for path in RULE_FILES for metric, _ in uses_in_rules(path.read_text())}
    used |= {metric for path in BOARDS for metric, _ in uses_in_dashboard(path.read_text())}
    assert {family.exposed_name for family in BY_NAME.values() if not family.use} <= used


def test_the_page_is_what_the_command_prints():
    shown = CliRunner().invoke(main, ["metrics"])
    committed = (ROOT / "config" / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert shown.output == committed, f"run: {COMMAND}"
    assert "(config/docs/metrics.md)" in README


def test_who_uses_a_metric_is_read_from_rules_and_panels():
    rules = """
      - record: queue:cc_bridge_visits:increase5m
        labels: {definition: strict}
        expr: |
          cc_bridge_visits_total
          + cc_bridge_queue_wait_seconds_bucket
      # cc_bridge_talks_in_progress is not in it
      - alert: Low
        expr: queue:cc_bridge_visits:increase5m > 2 * cc_bridge_ami_up
        annotations: {summary: cc_bridge_queue_members}
    """
    assert set(uses_in_rules(rules)) == {
        ("cc_bridge_visits_total", "`queue:cc_bridge_visits:increase`"),
        ("cc_bridge_queue_wait_seconds", "`queue:cc_bridge_visits:increase`"),
        ("cc_bridge_ami_up", "alert Low"),
    }
    panel = {"title": "Now", "targets": [{"expr": "sum(cc_bridge_talks_in_progress)"}]}
    board = {"title": "Live", "panels": [{"title": "Row", "panels": [panel]}]}
    assert list(uses_in_dashboard(json.dumps(board))) == [("cc_bridge_talks_in_progress", "panel Live: Now")]


# -- alerts


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_what_it_means_and_where_help_is(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
    # runbook_test.yml tests both forms of the URL as Prometheus fills them in.
    assert rule["annotations"]["runbook_url"] == (
        "{{ with $externalLabels.cc_bridge_runbook }}{{ . }}{{ else }}config/prometheus/README.md{{ end }}"
        f"#{name.lower()}"
    )
    steps = re.findall(r"^- \*\*(.+?):\*\*", SECTIONS[name], re.MULTILINE)
    assert steps == ["Meaning", "Cause", "Action", "Lost meanwhile"]


def test_the_runbook_has_one_section_for_each_alert_in_their_order():
    assert list(SECTIONS) == list(ALERTS)


def test_every_alert_is_seen_to_fire_and_not_to_fire():
    cases = yaml.safe_load((CASES / "alert_test.yml").read_text())["tests"]
    fires, ends = set(), set()
    for case in cases:
        names: set[str] = set()
        for test in case["promql_expr_test"]:
            now = {re.search(r'alertname="(\w+)"', sample["labels"])[1] for sample in test["exp_samples"]}
            ends |= names - now
            names = now
            fires |= now
    assert fires == set(ALERTS)
    assert ends == set(ALERTS)


# -- recording rules


def test_every_window_says_the_same():
    said = {}
    for group in GROUPS:
        if window := re.fullmatch(r"cc_bridge_(\d+[mhd])", group["name"]):
            said[window[1]] = {
                (rule["record"].replace(window[1], "W"), rule.get("labels", {}).get("definition")):
                rule["expr"].replace(window[1], "W") for rule in group["rules"]
            }  # fmt: skip
    assert list(said) == ["5m", "30m", "1d"]
    assert said["30m"] == said["1d"]
    assert said["5m"].items() <= said["30m"].items()
    missing = {record for record, _ in said["30m"].keys() - said["5m"].keys()}
    assert all(re.search("csat|survey|delivery_gap", record) for record in missing)


def test_every_level_has_every_definition():
    for level in ("queue", "pbx"):
        for window in ("5m", "30m", "1d"):
            record = f"{level}:cc_bridge_service_level:ratio{window}"
            found = [rule["labels"]["definition"] for rule in RECORDS if rule["record"] == record]
            assert Tally(found) == Tally(ServiceLevelDefinition)


def test_every_record_has_a_value_in_the_tests():
    tested = "".join(path.read_text() for path in CASES.glob("recording*.yml"))
    for rule in RECORDS:
        definition = rule.get("labels", {}).get("definition")
        wanted = f'record="{rule["record"]}"' + (f', definition="{definition}"' if definition else "")
        assert wanted in tested, wanted


TITLED_ALERT = """\
rule_files: [{rules}]
evaluation_interval: 30s
tests:
  - interval: 30s
    input_series:
      - {{series: 'cc_bridge_longest_current_wait_seconds{{pbx="main",queue="600"}}', values: '301x10'}}
      - {{series: 'cc_bridge_longest_current_wait_seconds{{pbx="main",queue="601"}}', values: '301x10'}}
      - {{series: 'cc_bridge_queue_info{{pbx="main",queue="600",title="فروش"}}', values: '1x10'}}
      - {{series: 'cc_bridge_queue_info{{pbx="other",queue="601",title="Of another PBX"}}', values: '1x10'}}
    alert_rule_test:
      - eval_time: 2m
        alertname: CcBridgeLongestWait
        exp_alerts:
          - exp_labels: {{severity: warning, pbx: main, queue: "600"}}
            exp_annotations: {{summary: "{titled}", description: "{wait}", runbook_url: "{runbook}"}}
          - exp_labels: {{severity: warning, pbx: main, queue: "601"}}
            exp_annotations: {{summary: "{named}", description: "{wait}", runbook_url: "{runbook}"}}
"""


@pytest.mark.prometheus
def test_an_alert_names_the_title_of_its_queue(tmp_path):
    case = tmp_path / "titles_test.yml"
    case.write_text(
        TITLED_ALERT.format(
            rules=FOLDER / "alert_rules.yml",
            titled="A caller of فروش has waited for more than five minutes",
            named="A caller of 601 has waited for more than five minutes",
            wait="The longest current wait is 5m 1s.",
            runbook="config/prometheus/README.md#ccbridgelongestwait",
        )
    )
    assert tool("promtool", "test", "rules", case) == ""
