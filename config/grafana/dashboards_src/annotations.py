"""Annotations of the Prometheus dashboards: observation gaps, restarts of the daemon, and sent digests."""

from grafana_foundation_sdk.builders import dashboard

from dashboards_src.promql import PBX
from dashboards_src.queries import PROMETHEUS

__all__ = ["ANNOTATIONS"]

# process_start_time_seconds has no label pbx; cc_bridge_build_info of the same target has it.
_STARTED = (
    'max by (instance, pbx) (process_start_time_seconds{job=~"$job"}'
    f" * on (job, instance) group_left (pbx) cc_bridge_build_info{{{PBX}}})"
)


def _annotation(
    name: str, colour: str, expr: str, title: str, text: str, *, at_value: bool = False
) -> dashboard.AnnotationQuery:
    """Return an annotation for each point of a PromQL query; with `at_value`, at the instant of the value."""
    annotation = dashboard.AnnotationQuery().name(name).datasource(PROMETHEUS).enable(True)
    annotation.icon_color(colour).expr(expr).title_format(title).text_format(text)
    return annotation.use_value_for_time(True) if at_value else annotation


ANNOTATIONS = (
    _annotation(
        "Observation gaps",
        "orange",
        f"sum by (pbx, reason) (increase(cc_bridge_observation_gap_seconds_total{{{PBX}}}[$__interval])) > 0",
        "{{pbx}}: not observed",
        "{{reason}}: the figures of this time are incomplete",
    ),
    _annotation(
        "Restarts of the daemon",
        "blue",
        f"1000 * {_STARTED}",
        "{{pbx}}: started",
        "{{instance}}",
        at_value=True,
    ),
    _annotation(
        "Digests",
        "green",
        f"1000 * max by (digest) (cc_bridge_digest_last_sent_timestamp_seconds{{{PBX}}} > 0)",
        "Digest sent",
        "{{digest}}",
        at_value=True,
    ),
)
"""Grafana reads the value of a series in milliseconds as the time of the annotation."""
