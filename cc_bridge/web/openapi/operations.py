"""All operations of the HTTP API, in the order of the document."""

from cc_bridge.web.openapi import agents, customers, follow_ups, health, reports, wallboard
from cc_bridge.web.openapi.document import AnyOperation

__all__ = ["OPERATIONS"]

OPERATIONS: tuple[AnyOperation, ...] = (
    wallboard.LIVE,
    wallboard.EVENTS,
    reports.REPORT,
    customers.READ_CUSTOMER,
    customers.STORE_CUSTOMER,
    follow_ups.LIST_FOLLOW_UPS,
    *follow_ups.ACT.values(),
    agents.AGENT,
    agents.COMMENT,
    health.DOCUMENT,
    health.ALIVE,
    health.READY,
    health.METRICS,
)
