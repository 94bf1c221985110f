"""Roll-ups: tables with the counts of days that are over, and their refresh. PostgreSQL only."""
