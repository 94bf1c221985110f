"""Queries for the data sources, Prometheus and a database, which dashboard variables select."""

from typing import Self

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards_src.dialects import POSTGRESQL, Dialect

__all__ = ["PROMETHEUS", "Sql", "prom"]

PROMETHEUS = DataSourceRef("prometheus", "${datasource}")


def prom(
    expr: str, legend: str = "", *, now: bool = False, form: str = "time_series"
) -> prometheus.Dataquery:
    """Return a Prometheus query over time or, with `now`, at the end of the displayed time.

    `form` is a Grafana format: time_series, table or heatmap.
    """
    query = prometheus.Dataquery().expr(expr).datasource(PROMETHEUS).format(PromQueryFormat(form))
    if legend:
        query.legend_format(legend)
    return query.instant() if now else query.range()


class Sql(Builder[Dataquery], Dataquery):
    """A query for Grafana's data source PostgreSQL or MySQL, which the SDK does not support."""

    def __init__(self, sql: str, dialect: Dialect = POSTGRESQL) -> None:
        self.source = dialect.source
        self._sql = " ".join(sql.split())
        self._ref = "A"

    def ref_id(self, ref_id: str) -> Self:
        self._ref = ref_id
        return self

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, object]:
        """Return the query in the form that Grafana's query editor saves."""
        return {
            "datasource": self.source,
            "refId": self._ref,
            "rawSql": self._sql,
            "rawQuery": True,
            "editorMode": "code",
            "format": "table",
        }
