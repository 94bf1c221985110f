"""Reports for team leads, computed from the counts that SQL queries return. Pure.

Most figures are shown with n and a 95 % confidence interval. n is the number of calls or answers from which a
figure is computed. `registry.py` lists the reports. `storage/reports/` reads the counts from the database,
`commands/report.py` makes a report from them, and the modules of `render/` write the report as text, HTML,
CSV or JSON.
"""
