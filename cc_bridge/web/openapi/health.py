"""The operations /healthz, /readyz, /metrics and /api/openapi.json."""

from pydantic import BaseModel, Field

from cc_bridge.web.openapi.admission import Admission
from cc_bridge.web.openapi.operation import DocumentedAnswer, NoArguments, NoBody, Operation

__all__ = ["ALIVE", "DOCUMENT", "METRICS", "READY", "HealthState"]

_TAG = "health"


class HealthState(BaseModel):
    """The result of health checks."""

    ok: bool = Field(description="whether all checks pass")
    checks: dict[str, str] = Field(
        description="`ok`, or the reason why the check fails, by name of the check"
    )


def _checks(
    name: str, path: str, summary: str, description: str, fault: str
) -> Operation[NoArguments, NoBody]:
    return Operation(
        name,
        "GET",
        path,
        _TAG,
        summary,
        description,
        Admission.OPEN,
        NoArguments,
        NoBody,
        (
            DocumentedAnswer(200, "All checks pass.", HealthState, ("application/json",), f"{name}.json"),
            DocumentedAnswer(503, fault, HealthState, ("application/json",), f"not_{name}.json"),
        ),
    )


ALIVE = _checks(
    "alive",
    "/healthz",
    "Whether the daemon must be restarted",
    "The answer is 200 while every storage thread and every periodic task runs.",
    "A check fails: only a restart of the daemon helps.",
)
READY = _checks(
    "ready",
    "/readyz",
    "Whether calls are observed and stored, and surveys are possible",
    "An unreachable PBX or database makes the daemon not ready. A restart does not help then.",
    "A check fails: the daemon waits for the PBX, the database or the disk.",
)
METRICS = Operation(
    "metrics",
    "GET",
    "/metrics",
    _TAG,
    "All metrics, for Prometheus",
    "The header `Accept` selects the text format of Prometheus or OpenMetrics.",
    Admission.SCRAPER,
    NoArguments,
    NoBody,
    (
        DocumentedAnswer(
            200,
            "All metrics.",
            None,
            ("text/plain", "application/openmetrics-text"),
            "# TYPE cc_bridge_up gauge\ncc_bridge_up 1.0\n",
        ),
    ),
)
DOCUMENT = Operation(
    "openapi",
    "GET",
    "/api/openapi.json",
    _TAG,
    "This document",
    "The description of the API in the format OpenAPI 3.1. It has nothing of the configuration or the"
    " database.",
    Admission.OPEN,
    NoArguments,
    NoBody,
    (DocumentedAnswer(200, "This document.", None, ("application/json",)),),
)
