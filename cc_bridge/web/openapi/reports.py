"""The operation /reports/NAME: a report as a file, and the arguments of its page."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.calendar import read_date
from cc_bridge.reports.heat_map import HeatMeasure
from cc_bridge.reports.query import Dimension
from cc_bridge.reports.registry import REPORTS
from cc_bridge.reports.spans import SpanLength
from cc_bridge.web.openapi.admission import Admission
from cc_bridge.web.openapi.operation import Arguments, DocumentedAnswer, NoBody, Operation

__all__ = ["MOST_DAYS", "REPORT", "ReportArguments"]

MOST_DAYS = 3660
"""Days of the longest span: a report may examine each hour."""

_LONGEST = 128  # characters of the name of a queue or PBX
_MOST_QUEUES = 100
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Day = Annotated[date, BeforeValidator(lambda value: read_date(value) if isinstance(value, str) else value)]
Name = Annotated[str, StringConstraints(max_length=_LONGEST)]


class ReportParts(Arguments):
    """The varying part of the path."""

    name: str = Field(
        description="name of the report", examples=["service"], json_schema_extra={"enum": list(REPORTS)}
    )


class ReportArguments(Arguments):
    """The arguments of a report."""

    format: Literal["csv", "xlsx", "json"] | None = Field(
        None, description="the kind of file; without it, the answer is a page", examples=["json"]
    )
    span: SpanLength | None = Field(
        None,
        description="the day, week or month that contains `from`, or `to`, or today; without these three,"
        " this month",
        examples=["month"],
    )
    first: Day | None = Field(
        None,
        alias="from",
        description="first day, also in the Persian calendar (`1405-09-01`)",
        examples=["2026-11-01"],
    )
    last: Day | None = Field(
        None,
        alias="to",
        description=f"last day; a span has at most {MOST_DAYS} days; with `span`, give `from` or `to`",
        examples=["2026-11-30"],
    )
    by: Dimension | None = Field(
        None, description="what a row is about; each report has its own choice", examples=["queue"]
    )
    queue: Annotated[tuple[Name, ...], Field(max_length=_MOST_QUEUES)] = Field(
        (), description="only these queues; all queues if there is none", examples=[["sales"]]
    )
    pbx: Name = Field("", description="only this PBX", examples=["main"])
    compare: Literal["0", "1"] = Field(
        "0", description="`1`: compare with the span before, on a page and in CSV and XLSX", examples=["1"]
    )
    at: Day | None = Field(
        None,
        description="first day after a change, of the report `change`; the middle of the span by default",
        examples=["2026-11-15"],
    )
    heat: HeatMeasure | None = Field(
        None, description="heat map of the hours of the week, of the report `service` as page or XLSX"
    )
    table: str = Field("", description="the table of a CSV file; the first one by default")


class ReportFigure(BaseModel):
    """A figure with its sample size and its confidence interval, as far as it has them."""

    value: float | None = None
    n: float | None = Field(None, description="number of calls or answers")
    low: float | None = None
    high: float | None = None
    enough: bool = Field(description="whether there are enough calls or answers to show the figure")


class ReportColumn(BaseModel):
    """A column of figures."""

    name: str
    unit: Unit
    label: str
    formula: str


class ReportTableFile(BaseModel):
    """A table. A row has a member for each key and each column; a figure without data is null."""

    name: str
    keys: list[str] = Field(description="names of the keys")
    columns: list[ReportColumn]
    rows: list[dict[str, ReportFigure | str | int | None]]
    total: dict[str, ReportFigure | None] | None


class ReportFinding(BaseModel):
    """A highlight: a difference that chance does not explain, with its keys and figures."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, ReportFigure | str | int | None]

    finding: str = Field(description="the kind of highlight")
    text: str = Field(description="the highlight as a sentence")


class ReportFile(BaseModel):
    """A report, as `cc-bridge report --format json` prints it."""

    report: str
    made_at: AwareDatetime
    first: date = Field(alias="from")
    to: date
    since: AwareDatetime = Field(description="start of the span, in UTC")
    until: AwareDatetime = Field(description="end of the span, in UTC")
    change: date | None
    by: Dimension
    pbx: str | None
    queues: list[str] | None = Field(description="null: all queues")
    minimum: int = Field(description="number of calls or answers that make a figure")
    begins: date | None = Field(
        description="day of the first record, if it is after the first day; else null"
    )
    unobserved_seconds: float = Field(description="seconds of the span in which the PBX was not observed")
    tables: list[ReportTableFile]
    findings: list[ReportFinding] | None = Field(description="null for a report without highlights")
    notes: list[str]


REPORT = Operation(
    "report",
    "GET",
    "/reports/{name}",
    "reports",
    "A report as JSON, CSV or XLSX",
    "A viewer sees no agents. A lead sees agents of the own queues only. CSV starts with a byte-order mark.",
    Admission.VIEWER,
    ReportArguments,
    NoBody,
    (
        DocumentedAnswer(
            200,
            "The report.",
            ReportFile,
            ("application/json", "text/csv", _XLSX, "text/html"),
            "report.json",
        ),
        DocumentedAnswer(
            303,
            "A browser opens the page without a log-in.",
            headers={"Location": "the page /login"},
        ),
    ),
    {
        403: "the report has agents that the sender may not see",
        404: "there is no such report",
        503: "the database did not answer in time",
    },
    ReportParts,
    error_types=("text/html", "text/plain"),
)
