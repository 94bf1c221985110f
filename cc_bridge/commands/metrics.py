"""What is exported: `metrics`."""

import click

__all__ = ["metrics", "metrics_page"]


@click.command()
def metrics() -> None:
    """Print the catalogue of metrics in Markdown: name, type, labels, unit, meaning, and who uses each.

    \b
    Example:  cc-bridge metrics > metrics.md
    """
    click.echo(metrics_page(), nl=False)


def metrics_page() -> str:
    """Return the catalogue with who uses each metric in the shipped rules and dashboards."""
    from cc_bridge import resource_path
    from cc_bridge.metrics.reference import page, uses_in_dashboard, uses_in_rules

    rules = [
        path.read_text(encoding="utf-8") for path in resource_path("config/prometheus").glob("*_rules.yml")
    ]
    boards = [path.read_text(encoding="utf-8") for path in resource_path("config/grafana").rglob("*.json")]
    return page(
        [
            *(use for text in rules for use in uses_in_rules(text)),
            *(use for text in boards for use in uses_in_dashboard(text)),
        ]
    )
