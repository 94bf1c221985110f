"""The daemon, a database server, Prometheus and Alertmanager, all real, and one fault after another.

The shipped configurations and rules run as they are except for times, which `hurried` shortens in copies.
Only the PBX is the demo's, since a recording can be stopped.
"""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import pytest
import yaml
from sqlalchemy import create_engine, text

from cc_bridge.kpis.service_level import ServiceLevelDefinition, VisitCounts, from_counts
from cc_bridge.metrics.families import BY_NAME
from support.paths import ROOT

FOLDER = ROOT / "config" / "prometheus"
EXCHANGE = ROOT / "tests" / "integration" / "prometheus" / "pbx.py"
DEADLINE = 60.0  # seconds for one condition; most need three

pytestmark = [pytest.mark.prometheus, pytest.mark.postgres]


def hurried(rules):
    """Return the rules with shorter times, for a test of two minutes in place of half an hour.

    Groups are evaluated every second, and an alert fires after one second. Ranges of 15 minutes become 15 s;
    for restarts, which take a while, 40 s. Limits of five minutes become 20 s, and the hour for callers past
    the survey becomes a minute. Recording rules keep their ranges.
    """
    rules = re.sub(
        r"^(    )interval: .*$|^(        )for: .*$",
        lambda m: "" if m[1] else "        for: 1s",
        rules,
        flags=re.MULTILINE,
    )
    rules = re.sub(r"^(  - name: .*)$", r"\1\n    interval: 1s", rules, flags=re.MULTILINE)
    rules = rules.replace('{job="cc_bridge"}[15m]', '{job="cc_bridge"}[40s]')
    rules = rules.replace('{stage="started"}[5m]', '{stage="started"}[5s]')
    rules = rules.replace("not_routed_calls_total[1h]", "not_routed_calls_total[1m]")
    return rules.replace("[15m]", "[15s]").replace("> 300", "> 20")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, seconds=DEADLINE):
    """Call `condition` until its result is true, and return this result. `what` names it in the failure."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)
    return answer


def fetch(url):
    """Return the body of a page, or None if the request fails."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
    except OSError:
        return None


class Site:
    """All processes of the site. Each can be started and stopped alone."""

    def __init__(self, folder, server):
        self.folder = folder
        self.database = server
        self.url = server.fresh()
        self.http, self.agi, self.ami, self.prometheus, self.alertmanager = (free_port() for _ in range(5))
        self._processes = {}
        config = {
            "pbx": {"name": "demo"},
            "ami": {"port": self.ami, "username": "demo", "secret": "word", "reconnect_max_seconds": 1},
            "agi": {"port": self.agi},
            "http": {"port": self.http},
            "storage": {
                "url": self.url.render_as_string(hide_password=False), "journal_file": str(folder / "journal")
            },
            "queue_defaults": {"min_talk_seconds": 0, "wrap_up_seconds": 2},
            "run": {"shutdown_timeout_seconds": 0},
        }  # fmt: skip
        tables = [
            f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
            for name, table in config.items()
        ]
        (folder / "cc-bridge.toml").write_text("\n".join(tables))

    def start(self, name, *command, **options):
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, **options
            )

    def stop(self, name):
        process = self._processes.pop(name)
        process.terminate()
        if process.stdin:
            process.stdin.close()
        process.wait(DEADLINE)

    def close(self):
        for process in self._processes.values():
            process.kill()
            if process.stdin:
                process.stdin.close()
            process.wait(DEADLINE)
        self._processes.clear()

    def start_daemon(self):
        self.start(
            "daemon",
            sys.executable,
            "-m",
            "cc_bridge",
            "run",
            "--config",
            str(self.folder / "cc-bridge.toml"),
        )

    def start_pbx(self, ahead=0, agi=0):
        """Start the PBX; its callers come to the survey at the daemon, or at the port `agi`."""
        self.start(
            "pbx",
            sys.executable,
            str(EXCHANGE),
            str(self.ami),
            str(agi or self.agi),
            str(ahead),
            stdin=subprocess.PIPE,
        )

    def log_out_agents(self):
        self._processes["pbx"].stdin.write(b"all of them\n")
        self._processes["pbx"].stdin.flush()

    def start_watching(self):
        for path in FOLDER.glob("*_rules.yml"):
            (self.folder / path.name).write_text(hurried(path.read_text()))
        config = (FOLDER / "prometheus.yml").read_text().replace("15s", "1s")
        config = config.replace("localhost:14574", f"127.0.0.1:{self.http}")
        (self.folder / "prometheus.yml").write_text(
            config.replace("localhost:9093", f"127.0.0.1:{self.alertmanager}")
        )
        config = (FOLDER / "alertmanager.yml").read_text().replace("localhost:25", "127.0.0.1:9")
        (self.folder / "alertmanager.yml").write_text(config)
        self.start(
            "alertmanager", "prometheus-alertmanager", "--config.file=alertmanager.yml",
            f"--storage.path={self.folder / 'alerts'}", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{self.alertmanager}",
        )  # fmt: skip
        self.start(
            "prometheus", "prometheus", "--config.file=prometheus.yml",
            f"--storage.tsdb.path={self.folder / 'series'}",
            f"--web.listen-address=127.0.0.1:{self.prometheus}",
        )  # fmt: skip
        wait_for(lambda: fetch(f"http://127.0.0.1:{self.prometheus}/-/ready"), "Prometheus")
        wait_for(lambda: fetch(f"http://127.0.0.1:{self.alertmanager}/-/ready"), "Alertmanager")

    # -- answers of the processes

    def query(self, expression):
        """Return the labels and the value of each series of a PromQL expression."""
        query = urllib.parse.urlencode({"query": expression})
        answer = json.loads(fetch(f"http://127.0.0.1:{self.prometheus}/api/v1/query?{query}"))
        return [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]

    def alerts(self):
        """Return the active alerts of Alertmanager by name."""
        found = json.loads(fetch(f"http://127.0.0.1:{self.alertmanager}/api/v2/alerts?active=true") or "[]")
        return {alert["labels"]["alertname"]: alert for alert in found}

    def fires(self, *names):
        for name in names:
            alert = wait_for(lambda name=name: self.alerts().get(name), f"{name} fires")
            said = " ".join(alert["annotations"].values())
            assert "<no value>" not in said
            assert "<error" not in said
            assert "NaN" not in said

    def is_over(self, *names):
        for name in names:
            wait_for(lambda name=name: name not in self.alerts(), f"{name} is over")

    def counts_in_sql(self):
        """Return the counts of stored visits by queue. The key None has the counts of all queues."""
        engine = create_engine(self.url)
        with engine.connect() as connection:
            rows = connection.execute(
                text("SELECT queue, outcome, wait_seconds, partial FROM queue_visits")
            ).all()
        engine.dispose()
        counts = {queue: VisitCounts.of([row for row in rows if row.queue == queue], 20, 5)
                  for queue in {row.queue for row in rows}}  # fmt: skip
        return {**counts, None: sum(counts.values(), VisitCounts())}


@pytest.fixture
def site(tmp_path, postgres):
    site = Site(tmp_path, postgres)
    yield site
    site.close()


def records():
    rules = [
        rule
        for group in yaml.safe_load((FOLDER / "recording_rules.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    return {(rule["record"], rule.get("labels", {}).get("definition")) for rule in rules}


def test_what_operations_see_when_things_go_wrong(site):
    site.start_watching()
    a_daemon_that_is_restarted_again_and_again(site)
    surveys_that_fail(site)
    callers_who_do_not_come_to_the_survey(site)
    a_link_that_comes(site)
    a_database_that_goes_and_comes(site)
    every_record_has_data(site)
    the_service_level_is_that_of_sql(site)
    agents_who_log_out(site)
    a_link_that_is_cut_and_a_clock_that_is_wrong(site)
    no_counter_was_set_back(site)


def a_daemon_that_is_restarted_again_and_again(site):
    site.fires("CcBridgeDown")
    before = ""
    for _ in range(4):
        site.start_daemon()

        def seen(before=before):
            found = site.query(f"process_start_time_seconds{{job='cc_bridge'}} != {before or 0}")
            return found and str(found[0][1])

        before = wait_for(seen, "a daemon")
        if _ < 3:
            site.stop("daemon")
    site.fires("CcBridgeRestarting", "CcBridgeAmiDown")
    site.is_over("CcBridgeDown")


def callers_who_do_not_come_to_the_survey(site):
    site.start_pbx(agi=free_port())
    site.fires("CcBridgeNoSurveyStarted")
    [(_, not_routed)] = site.query("sum(cc_bridge_not_routed_calls_total)")
    assert not_routed >= 1
    assert site.query('sum(cc_bridge_survey_stages_total{stage="started"}) > 0') == []
    site.stop("pbx")


def a_link_that_comes(site):
    site.start_pbx()
    site.is_over("CcBridgeAmiDown")


def a_database_that_goes_and_comes(site):
    site.database.stop()
    site.fires("CcBridgeDatabaseDown")
    site.database.start()
    site.is_over("CcBridgeDatabaseDown")


def every_record_has_data(site):
    def missing():
        found = site.query('{__name__=~".+:cc_bridge_.+"}')
        return records() - {(labels["__name__"], labels.get("definition")) for labels, _ in found}

    wait_for(lambda: not missing(), "every record has data")


def the_service_level_is_that_of_sql(site):
    def differences():
        counts = site.counts_in_sql()
        for level in ("queue", "pbx"):
            for labels, value in site.query(f"{level}:cc_bridge_service_level:ratio5m"):
                stored = from_counts(
                    counts[labels.get("queue")], ServiceLevelDefinition(labels["definition"])
                )
                if stored is None or abs(stored.value - value) > 1 / stored.n:
                    yield labels, value, stored

    # A visit may be counted a moment before it is stored.
    wait_for(lambda: not list(differences()), "the same service level from rules and SQL", 10)
    found = site.query("pbx:cc_bridge_service_level:ratio5m")
    assert {labels["definition"] for labels, _ in found} == set(ServiceLevelDefinition)


def no_counter_was_set_back(site):
    """Assert that no counter was reset since the daemon's start, although the PBX was replaced twice."""
    [(_, started)] = site.query("process_start_time_seconds{job='cc_bridge'}")
    names = [family.exposed_name for family in BY_NAME.values() if family.kind == "counter"]
    names += [f"{family.exposed_name}_{part}" for family in BY_NAME.values() if family.kind == "histogram"
              for part in ("bucket", "count", "sum")]  # fmt: skip
    # Linux reports its boot time in whole seconds, so the start may seem to be before the predecessor's end.
    seconds = int(time.time() - started) - 2
    resets = {name: site.query(f"max(resets({name}[{seconds}s]))") for name in names}
    found = {name: value for name, answer in resets.items() for _, value in answer}
    assert len(found) > 20
    assert set(found.values()) == {0}


def surveys_that_fail(site):
    for _ in range(4):
        with socket.create_connection(("127.0.0.1", site.agi), 5) as line:
            line.sendall(b"GET / HTTP/1.1\r\n\r\n")
            line.recv(1)
    site.fires("CcBridgeSurveyFailures")


def agents_who_log_out(site):
    site.log_out_agents()
    site.fires("CcBridgeNoAgents", "CcBridgeLongestWait", "CcBridgeNoEvents")


def a_link_that_is_cut_and_a_clock_that_is_wrong(site):
    site.stop("pbx")
    site.fires("CcBridgeAmiDown")
    site.start_pbx(ahead=30)
    site.fires("CcBridgeGap", "CcBridgeClockDifference")
    site.is_over("CcBridgeAmiDown", "CcBridgeNoAgents", "CcBridgeLongestWait", "CcBridgeNoEvents")
    site.stop("pbx")
    site.start_pbx()
    site.is_over("CcBridgeClockDifference", "CcBridgeSurveyFailures", "CcBridgeRestarting")
    site.is_over("CcBridgeAmiDown", "CcBridgeGap")
