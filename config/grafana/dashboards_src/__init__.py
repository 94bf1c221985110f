"""Grafana dashboards as code: one module for each dashboard. `__main__.py` writes them as JSON."""
