"""What Prometheus scrapes: `counted.py` counts records and makes the page, `live.py` reads what goes on now.

Names and meanings are in `metric_families.py`, which documents and tests read too.
"""

from cc_bridge.metrics.counted import Metrics

__all__ = ["Metrics"]
