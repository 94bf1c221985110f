"""What Prometheus scrapes: `counted.py` counts records and makes the page, `live.py` reads what goes on now.

Names and meanings are in `families.py`, which Grafana's dashboards and the tests read too; `families_page.py`
writes them for people. Both are pure, and so is `exposition.py`, which keeps series as lines of text.
"""
