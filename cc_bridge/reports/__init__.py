"""Reports for team leads, made from the rows that SQL has counted. Pure.

Most figures have n, the number of calls or answers behind them, and a 95 % interval. `registry.py` lists the
reports. `storage/reports/` counts the rows, `commands/report.py` makes a report of them, and the modules of
`render/` write it.
"""
