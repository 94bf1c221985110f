"""README says what is: commands, metrics, files and the two pasted lines."""

import re
from collections import Counter as Tally

import click
from prometheus_client import CollectorRegistry

from cc_bridge.calls.tracker import Tracker
from cc_bridge.cli import main
from cc_bridge.metrics.record_metrics import RecordMetrics
from support.paths import ROOT
from unit.metrics.test_record_metrics import Agi, Digests, Forwarder, Link, Store, Webhooks

README = (ROOT / "README.md").read_text()


def exported():
    """Return the names of all metrics, as Prometheus shows them."""
    metrics = RecordMetrics(CollectorRegistry(), "pbx", [])
    metrics.watch(Tracker("pbx"), Link(), Store(), Agi(), Forwarder(), Webhooks(), Digests())
    suffix = {"counter": "_total", "info": "_info"}
    return {family.name + suffix.get(family.type, "") for family in metrics.registry.collect()}


def commands(group, prefix=""):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name


def test_every_metric_that_it_names_exists():
    named = set(re.findall(r"`(cc_bridge_\w+)`", README))
    assert len(named) > 8
    assert named <= exported()


def test_every_metric_in_a_query_exists():
    for query in re.findall(r"```promql\n(.*?)```", README, re.DOTALL):
        for name in re.findall(r"cc_bridge_\w+", query):
            assert re.sub(r"_(bucket|sum|count)$", "", name) in exported()


def test_every_command_is_in_the_table():
    named = re.findall(r"^\| `cc-bridge ([a-z -]+?)(?: [A-Z.]+)?` \|", README, re.MULTILINE)
    assert Tally(named) == Tally(commands(main))


def test_every_file_it_names_exists():
    names = re.findall(r"`((?:cc_bridge|config|dialplans|tests|docker)/[\w./-]*)`", README)
    assert len(names) > 8
    for name in names:
        assert (ROOT / name).exists(), name


def test_the_two_pasted_lines_are_there():
    for mark in ("demo", "tests"):
        (line,) = re.findall(rf"<!-- {mark} -->\n```sh\n(.+)\n```", README)
        assert line.startswith("python3 -m venv .venv && ")


def test_what_stays_behind_for_the_world_to_read_is_free_of_this_workplace():
    for path in (ROOT / "requirements.lock", ROOT / "CHANGELOG.md", ROOT / "README.md"):
        assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host", path.read_text())
