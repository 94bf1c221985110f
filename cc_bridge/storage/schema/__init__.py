"""The database schema: tables, column types, upserts and planner hints."""
