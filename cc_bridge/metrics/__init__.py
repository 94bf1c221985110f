"""The Prometheus exporter of the daemon.

`record_metrics.py` counts records and renders the page for Prometheus. `collectors.py` reads the live state
at each scrape. The other modules are pure: `families.py` defines the name and meaning of each metric,
`reference.py` writes them as a Markdown page, and `exposition.py` stores series as lines of text.
"""
