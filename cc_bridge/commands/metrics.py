"""What is exported: `metrics`."""

import click

__all__ = ["metrics"]


@click.command()
def metrics() -> None:
    """Print the catalogue of metrics in Markdown: name, type, labels, unit, meaning, and who uses each.

    \b
    Example:  cc-bridge metrics > config/metrics.md
    """
    from cc_bridge import shipped
    from cc_bridge.metrics.reference import page, uses_in_dashboard, uses_in_rules

    rules = [path.read_text(encoding="utf-8") for path in shipped("config/prometheus").glob("*_rules.yml")]
    boards = [path.read_text(encoding="utf-8") for path in shipped("config/grafana").rglob("*.json")]
    click.echo(
        page(
            [
                *(use for text in rules for use in uses_in_rules(text)),
                *(use for text in boards for use in uses_in_dashboard(text)),
            ]
        ),
        nl=False,
    )
