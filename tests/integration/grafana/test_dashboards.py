"""The committed dashboards, without a Grafana: complete, consistent, and equal to the code's output."""

import itertools
import re
import subprocess
import sys

import promql_parser
import pytest
import yaml

from cc_bridge.kpis.scores import MINIMUM
from support.generate import COMMAND
from support.grafana_dashboards import BOARDS, FOLDER, filled, panels, queries

CHOSEN = {name: ["one", "two.three"] for name in ("job", "pbx", "queue", "agent")}
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
EACH_BOARD = pytest.mark.parametrize("name", BOARDS)
# Figures that must be shown with n, their number of calls or answers.
SCORES = {"CSAT", "NPS", "CES", "Mean satisfaction", "Response rate", "Answered in time", "Abandoned"}


def variables(board):
    return {variable["name"]: variable for variable in BOARDS[board]["templating"]["list"]}


def annotations(board):
    return BOARDS[board].get("annotations", {}).get("list", [])


def used(text):
    """Return the names of the variables in a text, except Grafana's own."""
    names = {one or other for one, other in VARIABLE.findall(text)}
    return {name for name in names if not name.startswith("__")}


def test_they_are_what_the_code_writes(tmp_path):
    command = [sys.executable, "-m", "dashboards_src", str(tmp_path)]
    subprocess.run(command, cwd=FOLDER, check=True, timeout=60)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in (FOLDER / "dashboards").iterdir()}
    assert written == committed, f"run: {COMMAND}"


def test_there_are_six_of_them():
    assert set(BOARDS) == {"operations", "service", "voice", "agents", "agents-mariadb", "daemon"}
    assert len({board["uid"] for board in BOARDS.values()}) == 6
    assert len({board["title"] for board in BOARDS.values()}) == 6
    for board in BOARDS.values():
        assert "id" not in board  # Grafana's own id, which conflicts with provisioning
        assert len(board["uid"]) <= 40
        assert board["description"]


@EACH_BOARD
def test_each_leads_to_the_others_and_takes_the_choice_along(name):
    [link] = BOARDS[name]["links"]
    assert link["type"] == "dashboards"
    assert set(link["tags"]) <= set(BOARDS[name]["tags"])
    assert link["keepTime"]
    assert link["includeVars"]


@EACH_BOARD
def test_every_panel_says_what_it_shows(name):
    parts = BOARDS[name]["panels"]
    assert len({part["id"] for part in parts}) == len(parts)
    titles = [(panel["title"], panel["type"]) for panel in panels(name)]
    assert len(set(titles)) == len(titles)
    for panel in panels(name):
        defaults = panel["fieldConfig"]["defaults"]
        assert len(panel["description"]) > 20, panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]
        assert defaults["noValue"] == "no data", panel["title"]


@EACH_BOARD
def test_panels_fill_the_grid_without_overlap(name):
    taken = {}
    for part in BOARDS[name]["panels"]:
        place = part["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x, y in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        ):
            assert (x, y) not in taken, f"{part['title']} overlaps {taken.get((x, y))}"
            taken[x, y] = part["title"]
    lowest = max(y for _, y in taken)
    assert len(taken) == 24 * (lowest + 1)


@EACH_BOARD
def test_every_data_source_is_the_readers_choice(name):
    chosen = {
        "prometheus": "${datasource}", "grafana-postgresql-datasource": "${database}", "mysql": "${database}",
    }  # fmt: skip
    known = variables(name)
    for panel in (*panels(name), *annotations(name)):
        for part in (panel, *panel.get("targets", ())):
            source = part["datasource"]
            assert source["uid"] == chosen[source["type"]]
            variable = known[used(source["uid"]).pop()]
            assert (variable["type"], variable["query"]) == ("datasource", source["type"])


@EACH_BOARD
def test_variables_that_are_used_exist_and_those_that_exist_are_used(name):
    known = variables(name)
    asked = {n: v for n, v in known.items() if v["type"] == "query"}
    for place, variable in enumerate(asked.values()):
        source = variable["datasource"]["uid"]
        before = {*list(asked)[:place], *used(source)}
        text = variable["query"] if isinstance(variable["query"], str) else variable["query"]["query"]
        assert used(text) <= before, variable["name"]
        multi = variable["name"] != "job"
        assert (variable.get("multi", False), variable.get("includeAll", False)) == (multi, multi)
    texts = [query.text for kind in ("expr", "rawSql") for query in queries(kind) if query.board == name]
    texts += [each["expr"] for each in annotations(name)]
    texts += [query.target["datasource"]["uid"] for kind in ("expr", "rawSql") for query in queries(kind)
              if query.board == name]  # fmt: skip
    assert set().union(*map(used, texts)) <= set(known)
    of_variables = [str(variable) for variable in known.values()]
    assert set(known) <= set().union(*map(used, [*texts, *of_variables]))


@pytest.mark.parametrize("query", queries("expr"), ids=str)
def test_every_query_is_promql(query):
    promql_parser.parse(filled(query.text, CHOSEN))


@pytest.mark.parametrize("name", ["operations", "service", "voice", "daemon"])
def test_gaps_restarts_and_digests_are_marked(name):
    found = {each["name"]: each for each in annotations(name)}
    assert list(found) == ["Observation gaps", "Restarts of the daemon", "Digests"]
    for each in found.values():
        assert each["enable"]
        assert used(each["expr"]) <= set(variables(name))
        promql_parser.parse(filled(each["expr"], CHOSEN))


def test_the_two_boards_of_agents_differ_in_the_dialect_only():
    postgresql, mariadb = (
        [(panel["title"], panel["type"], panel["gridPos"]) for panel in panels(name)]
        for name in ("agents", "agents-mariadb")
    )
    assert postgresql == mariadb
    for query in queries("rawSql"):
        if query.board == "agents-mariadb":
            assert not re.search(r"::|FILTER", query.text)
            assert query.target["datasource"]["type"] == "mysql"


@EACH_BOARD
def test_refs_are_unique_and_columns_are_those_of_the_queries(name):
    for panel in panels(name):
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        if panel["type"] != "table" or "expr" not in panel["targets"][0]:
            continue
        assert all(target["instant"] and target["format"] == "table" for target in panel["targets"])
        *_, organize = panel["transformations"]
        renamed = organize["options"]["renameByName"]
        columns = {column for column in renamed if column.startswith("Value")}
        # With a single query, the value's column has no letter.
        assert columns == ({f"Value #{ref}" for ref in refs} if len(refs) > 1 else {"Value"})
        overridden = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert overridden == {renamed[column] for column in columns}


def test_a_score_stands_beside_its_n():
    found = set()
    for board in BOARDS:
        for panel in panels(board):
            title = panel["title"].partition(",")[0].partition(" by ")[0]
            if title not in SCORES or panel["type"] == "timeseries":  # n is in a separate panel
                continue
            found.add(title)
            shown = {target.get("legendFormat") for target in panel["targets"]}
            overrides = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
            assert "n" in shown | overrides, panel["title"]
            if title in {"CSAT", "NPS", "CES", "Mean satisfaction", "Response rate"}:
                mapped = [mapping["options"] for mapping in panel["fieldConfig"]["defaults"]["mappings"]]
                assert {"match": "null+nan", "result": {"text": "too few"}} in mapped
                target = panel["targets"][0]
                assert f">= {MINIMUM}" in target.get("rawSql", "") or f">= {MINIMUM - 0.5}" in target["expr"]
    assert found == SCORES


def test_the_history_of_a_score_has_the_history_of_its_n_beside_it():
    pairs = {
        "Answered in time by queue": "Offered by queue (n)",
        "CSAT by queue, last day": "Answers on satisfaction by queue (n)",
        "CSAT by day": "Answers on satisfaction by day (n)",
    }
    for board in BOARDS:
        titles = [panel["title"] for panel in panels(board)]
        for one, other in itertools.pairwise(titles):
            if pairs.get(one) == other:
                pairs.pop(one)
    assert not pairs


def test_no_metric_names_a_person():
    for query in queries("expr"):
        assert not re.search(r"cc_bridge_agent_|agent=", query.text)
    assert {query.panel["type"] for query in queries("rawSql")} >= {"stat", "table", "timeseries", "heatmap"}
    for query in queries("rawSql"):  # a reader may have access to the views only
        assert set(re.findall(r"\bFROM (\w+)", query.text)) - {"hour"} <= {
            "v_agent_day", "v_ratings", "v_calls_by_hour",
        }  # fmt: skip


def test_provisioning_leads_to_them():
    [found] = (FOLDER / "provisioning" / "dashboards").glob("*.yaml")
    [provider] = yaml.safe_load(found.read_text())["providers"]
    compose = (FOLDER.parents[1] / "docker" / "compose.yaml").read_text()
    assert f"../config/grafana/dashboards:{provider['options']['path']}:ro" in compose
    assert "../config/grafana/provisioning:/etc/grafana/provisioning:ro" in compose
    [found] = (FOLDER / "provisioning" / "datasources").glob("*.yaml")
    sources = yaml.safe_load(found.read_text())["datasources"]
    wanted = {v["query"] for board in BOARDS for v in variables(board).values() if v["type"] == "datasource"}
    assert {source["type"] for source in sources} == wanted
    for source in sources:  # Grafana resolves them on its own machine
        assert re.match(r"(http://)?127\.0\.0\.1:\d+$", source["url"])
        assert not source["editable"]
        secrets = source.get("secureJsonData", {}).values()
        assert all(secret.startswith("$") for secret in secrets)
