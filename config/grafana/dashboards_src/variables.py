"""Dashboard variables: data sources, scrape job, PBXs, queues and agents."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableRefresh, VariableSort

from dashboards_src.dialects import POSTGRESQL, Dialect
from dashboards_src.queries import PROMETHEUS

__all__ = ["DATABASE", "DATASOURCE", "JOB", "PBX_OF_METRICS", "QUEUE", "of_agents"]


def _source(name: str, label: str, plugin: str) -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable(name).label(label).type(plugin)


def _chosen(name: str, label: str, source: DataSourceRef, query: Any, words: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).description(words).datasource(source).query(query)
    variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC
    )
    if name == "job":
        return variable
    return variable.multi(True).include_all(True)


def _label_values(name: str, label: str, metric: str, words: str) -> dashboard.QueryVariable:
    query = f"label_values({metric}, {name})"
    of_editor = {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}
    return _chosen(name, label, PROMETHEUS, of_editor, words).definition(query)


DATASOURCE = _source("datasource", "Prometheus", "prometheus")


def _database(dialect: Dialect) -> dashboard.DatasourceVariable:
    return _source("database", dialect.label, str(dialect.source.type_val))


DATABASE = _database(POSTGRESQL)
JOB = _label_values("job", "Job", "cc_bridge_build_info", "Name of the scrape job of cc_bridge")
PBX_OF_METRICS = _label_values("pbx", "PBX", 'cc_bridge_build_info{job=~"$job"}', "pbx.name of each daemon")
_QUEUES = 'query_result(cc_bridge_queue_info{job=~"$job", pbx=~"$pbx"})'
QUEUE = (
    _chosen(
        "queue",
        "Queue",
        PROMETHEUS,
        {"query": _QUEUES, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "Queues of these PBXs, by their titles",
    )
    .definition(_QUEUES)
    # The labels of a series are sorted by name. The text that Grafana shows is the title.
    .regex(r'/queue="(?<value>(?:[^"\\]|\\.)*)".*title="(?<text>(?:[^"\\]|\\.)*)"/')
)


def of_agents(dialect: Dialect) -> tuple[Any, ...]:
    """Return the variables of the agents dashboard: the database, its PBXs and its agents."""
    pbx = "SELECT DISTINCT pbx FROM v_agent_day ORDER BY pbx"
    agent = "SELECT DISTINCT agent FROM v_agent_day WHERE pbx IN (${pbx:sqlstring}) ORDER BY agent"
    return (
        _database(dialect),
        _chosen("pbx", "PBX", dialect.source, pbx, "pbx.name of each daemon"),
        _chosen("agent", "Agent", dialect.source, agent, "Agents of these PBXs"),
    )
