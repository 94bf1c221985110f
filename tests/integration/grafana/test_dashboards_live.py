"""Every query of every dashboard, answered by a real Prometheus and a real PostgreSQL.

grafana_traffic.py makes the traffic: three daemons, their callers, a webhook receiver that never answers. The
rules are the shipped ones, evaluated more often. Beyond the demo, webhooks fail, NPS and CES are asked, and
the database is a server. With too few answers, as for a single queue, a query must return no score, and a
score once a lower minimum is put into the query.

No Grafana runs, so the look of a panel is not tested here.
"""

import json
import math
import re
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from cc_bridge.kpis import scores
from cc_bridge.kpis.question_kinds import KINDS
from dashboards_src.promql import Scored, too_few
from support.grafana_dashboards import BOARDS, FOLDER, filled, queries
from support.paths import ROOT, SUPPORT

pytestmark = [pytest.mark.prometheus, pytest.mark.postgres]

DEADLINE = 300.0  # seconds from the start of the traffic; the last answers come after some 35
PAGE = (ROOT / "config" / "grafana" / "README.md").read_text()
GRANTS = re.search(r"```sql\n(CREATE ROLE cc_bridge_reader.*?)```", PAGE, re.DOTALL)[1].split(";\n")[:-1]
MINIMUM = f">= {scores.MINIMUM - 0.5}"
AT_LEAST = {"job": 1, "pbx": 3, "queue": 4, "agent": 18}  # values of each variable before panels are queried
MAY_BE_NULL = re.compile(r"csat|csat_mean|\d\d")  # scores of too few answers, and hours without a call


class Live:
    """A running Prometheus and PostgreSQL. `chosen` holds the selected values of dashboard variables."""

    def __init__(self, port, url):
        self._address = f"http://127.0.0.1:{port}"
        self._engine = create_engine(url.set(username="cc_bridge_reader"), poolclass=NullPool)
        self._end = time.monotonic() + DEADLINE
        self.chosen = {}

    def asked(self, path, **arguments):
        with urlopen(f"{self._address}{path}?{urlencode(arguments, doseq=True)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def rows(self, sql):
        """Return the rows of an SQL query as mappings by column name."""
        with self._engine.connect() as connection:
            return connection.exec_driver_sql(sql).mappings().all()

    def until(self, look):
        """Call `look` until its result is true, and return this result."""
        while not (found := look()):
            assert time.monotonic() < self._end, "no data"
            time.sleep(0.1)
        return found

    def series(self, query):
        """Return the labels and values of each series of a panel's query, asked in the way of Grafana."""
        now = time.time()
        if query.target.get("instant"):
            got = self.asked("/api/v1/query", query=self.filled(query.text), time=now)
            return [(each["metric"], [each["value"]]) for each in got["result"]]
        span = {"start": now - 30, "end": now, "step": 2}
        got = self.asked("/api/v1/query_range", query=self.filled(query.text), **span)
        return [(each["metric"], each["values"]) for each in got["result"]]

    def filled(self, text):
        return filled(text, self.chosen)

    def number(self, expr, at):
        """Return the single value of a PromQL expression at an instant."""
        [each] = self.asked("/api/v1/query", query=self.filled(expr), time=at)["result"]
        return float(each["value"][1])


def finite(series):
    return [labels for labels, values in series if any(math.isfinite(float(value)) for _, value in values)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configuration(folder, addresses):
    """Write prometheus.yml and the shipped rules, with an evaluation every second."""
    rules = []
    for path in (FOLDER.parent / "prometheus").glob("*_rules.yml"):
        rules.append(folder / path.name)
        rules[-1].write_text(
            re.sub(r"^    interval: \S+", "    interval: 1s", path.read_text(), flags=re.MULTILINE)
        )
    every_second = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    job = {"job_name": "cc_bridge", "static_configs": [{"targets": addresses}]}
    file = folder / "prometheus.yml"
    file.write_text(
        yaml.safe_dump({"global": every_second, "rule_files": [*map(str, rules)], "scrape_configs": [job]})
    )
    return file


def is_ready(address):
    try:
        with urlopen(f"{address}/-/ready", timeout=5):
            return True
    except (URLError, ConnectionError):
        return False


@pytest.fixture(scope="module")
def live(postgres, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grafana")
    url, port = postgres.fresh(), free_port()
    command = [sys.executable, str(SUPPORT / "grafana_traffic.py"), str(folder),
               url.render_as_string(hide_password=False)]  # fmt: skip
    with (
        (folder / "log").open("w+") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as traffic,
    ):
        told = traffic.stdout.readline()
        assert told, (folder / "log").read_text()
        config = configuration(folder, json.loads(told))
        with subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], stderr=log,
        ) as prometheus:  # fmt: skip
            try:
                found = Live(port, url)
                found.until(lambda: prometheus.poll() is None and is_ready(f"http://127.0.0.1:{port}"))
                # Once a daemon has created the tables on the server:
                there = "SELECT 1 FROM pg_views WHERE viewname = 'v_ratings'"
                found.until(lambda: postgres.run(there, url=url))
                postgres.run(*GRANTS, url=url)
                yield found
            finally:
                prometheus.kill()
                traffic.stdin.close()


@pytest.fixture(scope="module")
def seen(live):
    """Fill each variable by its own query, as Grafana does, and select all values. Return the `Live`."""
    for name, board in BOARDS.items():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query" and name != "agents-mariadb":
                asked = (
                    variable["query"] if isinstance(variable["query"], str) else variable["query"]["query"]
                )
                enough, regex = AT_LEAST[variable["name"]], variable.get("regex", "")
                live.chosen[variable["name"]] = live.until(
                    lambda asked=asked, enough=enough, regex=regex: (
                        len(got := choice(live, asked, regex)) >= enough and got
                    )
                )
    return live


def choice(live, asked, regex=""):
    """Return the values of a variable's query; `regex` finds them in the text of each series."""
    if found := re.fullmatch(r"query_result\((.+)\)", asked):
        pattern = re.compile(regex.strip("/").replace("(?<", "(?P<"))
        rows = live.asked("/api/v1/query", query=live.filled(found[1]))["result"]
        written = [
            ",".join(f'{key}="{value}"' for key, value in sorted(row["metric"].items())) for row in rows
        ]
        return sorted({pattern.search(series)["value"] for series in written})
    if found := re.fullmatch(r"label_values\((.+), (\w+)\)", asked):
        return live.asked(f"/api/v1/label/{found[2]}/values", **{"match[]": live.filled(found[1])})
    return [value for row in live.rows(live.filled(asked)) for value in row.values()]


def test_the_variables_offer_what_there_is(seen):
    assert seen.chosen["job"] == ["cc_bridge"]
    assert seen.chosen["pbx"] == ["north", "south", "west"]
    assert seen.chosen["queue"] == ["billing", "closed", "tech", "vip"]
    assert all(re.fullmatch(r"Agent \d+", agent) for agent in seen.chosen["agent"])


@pytest.mark.parametrize("query", queries("expr"), ids=str)
def test_prometheus_has_something_to_show(seen, query):
    series = seen.until(lambda: seen.series(query))
    if MINIMUM in query.text:
        enough = type(query)(
            query.board, query.panel, {**query.target, "expr": query.text.replace(MINIMUM, ">= 1")}
        )
        assert seen.until(lambda: finite(seen.series(enough)))
    else:
        assert seen.until(lambda: finite(seen.series(query)))
    wanted = set(re.findall(r"{{(\w+)}}", query.target.get("legendFormat", "")))
    if query.panel["type"] == "table":
        names = query.panel["transformations"][-1]["options"]["renameByName"]
        wanted |= {name for name in names if not name.startswith("Value")}
    assert all(wanted <= labels.keys() for labels, _ in series)
    shown = [tuple(labels.get(name) for name in wanted) for labels, _ in series]
    assert len(set(shown)) == len(shown), "two series of one name"


OF_POSTGRESQL = [query for query in queries("rawSql") if query.board != "agents-mariadb"]


def test_a_restart_is_marked_at_its_instant(seen):
    marks = {each["name"]: each for each in BOARDS["service"]["annotations"]["list"]}
    expr = marks["Restarts of the daemon"]["expr"]
    found = seen.until(lambda: seen.asked("/api/v1/query", query=seen.filled(expr))["result"])
    assert {each["metric"]["pbx"] for each in found} == {"north", "south", "west"}
    for each in found:
        assert time.time() - 600 < float(each["value"][1]) / 1000 < time.time()


@pytest.mark.parametrize("query", OF_POSTGRESQL, ids=str)
def test_the_database_has_something_to_show(seen, query):
    sql = seen.filled(query.text)
    seen.until(lambda: [row for row in seen.rows(sql) if complete(row)])


def complete(row):
    """Return whether every column has a value, except those that may be null."""
    return all(value is not None or MAY_BE_NULL.fullmatch(name) for name, value in row.items())


def enough(seen, asked):
    """Return an instant 5 s ago at which the query had enough answers, else None.

    The instant of a scrape is its start, so all samples of 5 s ago have arrived.
    """
    then = time.time() - 5
    found = seen.asked("/api/v1/query", query=seen.filled(too_few(asked.n, asked.n)), time=then)["result"]
    return then if any(float(each["value"][1]) >= scores.MINIMUM for each in found) else None


def test_the_scores_are_those_of_the_reports(seen):
    for kind in ("csat", "nps", "ces"):
        asked = Scored(kind)
        at = seen.until(lambda asked=asked: enough(seen, asked))
        given = f'sum by (value) (increase(cc_bridge_ratings_total{{kind="{kind}"}}[$__range]))'
        answers = {
            int(each["metric"]["value"]): float(each["value"][1])
            for each in seen.asked("/api/v1/query", query=seen.filled(given), time=at)["result"]
        }
        score = KINDS[kind].compute(answers)[kind]
        own = {
            "csat": (asked.csat(), asked.csat_bound("-"), asked.csat_bound("+")),
            "nps": (asked.nps(), asked.nps_bound("-"), asked.nps_bound("+")),
            "ces": (asked.mean(7), asked.mean_bound("-", 7), asked.mean_bound("+", 7)),
        }[kind]
        shown = [seen.number(too_few(each, asked.n), at) for each in own]
        times = 100 if kind == "csat" else 1
        assert [times * each for each in shown] == pytest.approx(
            [score.value, score.low, score.high], abs=0.01
        )


@pytest.mark.parametrize(("n", "value"), [(14, math.nan), (15, 0.8)])
def test_few_answers_are_no_score(live, n, value):
    shown = live.number(too_few("vector(0.8)", f"vector({n})"), time.time())
    assert shown == pytest.approx(value, nan_ok=True)
