"""The SQL dialects of the agents dashboard, one for each of Grafana's database plugins."""

from dataclasses import dataclass

from grafana_foundation_sdk.models.common import DataSourceRef

__all__ = ["MARIADB", "POSTGRESQL", "Dialect"]


@dataclass(frozen=True)
class Dialect:
    """A database plugin of Grafana with the SQL that differs.

    suffix: of the dashboard's uid
    label: of the variable that selects the data source, and in the dashboard's title unless it is empty
    day: an expression for the start of a day as the time of a row
    agents: an expression for the number of agents
    """

    source: DataSourceRef
    suffix: str
    label: str
    day: str
    agents: str


POSTGRESQL = Dialect(
    DataSourceRef("grafana-postgresql-datasource", "${database}"),
    "",
    "PostgreSQL",
    "day::timestamp",
    "COUNT(DISTINCT (pbx, agent))",
)
MARIADB = Dialect(
    DataSourceRef("mysql", "${database}"),
    "-mariadb",
    "MariaDB or MySQL",
    "CAST(day AS DATETIME)",
    "COUNT(DISTINCT pbx, agent)",
)
