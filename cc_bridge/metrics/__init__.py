"""The exporter: `record_metrics.py` counts records and renders the page, `collectors.py` reads live state.

Names and meanings are in `families.py`, which Grafana's dashboards and the tests read too; `reference.py`
writes them for people. Both are pure, and so is `exposition.py`, which keeps series as lines of text.
"""
