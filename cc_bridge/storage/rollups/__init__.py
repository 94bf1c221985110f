"""Roll-ups on PostgreSQL: tables with the counts of past days, and their refresh."""
