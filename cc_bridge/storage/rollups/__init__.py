"""Roll-ups: tables with the counts of past days, and their refresh. PostgreSQL only."""
