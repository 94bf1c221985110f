"""The command `metrics`: it prints the catalogue of metrics."""

import click

__all__ = ["metrics", "metrics_page"]


@click.command()
def metrics() -> None:
    """Print the catalogue of metrics as Markdown: name, type, labels, unit, meaning and uses.

    \b
    Example:  cc-bridge metrics > metrics.md
    """
    click.echo(metrics_page(), nl=False)


def metrics_page() -> str:
    """Return the catalogue of metrics as Markdown.

    For each metric, the page names the shipped Prometheus rules and dashboard panels that use it.
    """
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
