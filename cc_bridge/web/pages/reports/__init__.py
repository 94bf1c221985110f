"""The pages of the reports: the list of all reports, and each report with its choices and files."""
