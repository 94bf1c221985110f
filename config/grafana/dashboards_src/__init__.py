"""Grafana's dashboards as code: a module a dashboard, written as JSON by `__main__.py`."""
