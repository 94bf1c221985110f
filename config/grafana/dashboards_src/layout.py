"""The frame of a dashboard: title, time range, variables and panels; and its JSON text."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard, DashboardCursorSync, DashboardLinkType

__all__ = ["board", "row", "text_of"]

_TAG = "cc_bridge"  # by which the dashboards find each other


def row(title: str) -> dashboard.Row:
    """Return a row heading for the panels that follow it."""
    return dashboard.Row(title)


def board(
    uid: str,
    title: str,
    words: str,
    since: str,
    variables: Sequence[Any],
    parts: Sequence[Any],
    refresh: str = "1m",
    annotations: Sequence[Any] = (),
) -> Dashboard:
    """Return a dashboard with these rows and panels; `annotations` mark events in its panels over time."""
    whole = dashboard.Dashboard(title).uid(f"cc-bridge-{uid}").description(words).tags([_TAG]).editable()
    whole.time(since, "now").timezone("browser").refresh(refresh).tooltip(DashboardCursorSync.CROSSHAIR)
    others = dashboard.DashboardLink("cc_bridge").type(DashboardLinkType.DASHBOARDS).tags([_TAG])
    whole.link(others.keep_time(True).include_vars(True).as_dropdown(False))
    for variable in variables:
        whole.with_variable(variable)
    for annotation in annotations:
        whole.annotation(annotation)
    for part in parts:
        if isinstance(part, dashboard.Row):
            whole.with_row(part)
        else:
            whole.with_panel(part)
    made = whole.build()
    for number, panel in enumerate(made.panels or (), 1):
        panel.id_val = number
    return made


def text_of(made: Dashboard) -> str:
    """Return the dashboard as JSON text; the same dashboard always gives the same text."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(made) + "\n"
