"""What a team lead reads: rows that SQL has counted go in, figures with n and interval come out. Pure.

`registry.py` lists the reports. `storage/reports/` counts, `commands/report.py` joins the two, the modules
`render/` writes what comes out.
"""
