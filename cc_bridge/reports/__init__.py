"""Reports for team leads: rows that SQL has counted become figures with n and interval. Pure.

`registry.py` lists the reports. `storage/reports/` counts the rows, `commands/report.py` makes a report of
them, and the modules of `render/` write it.
"""
