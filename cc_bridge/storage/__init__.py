"""Calls and ratings in SQL: the tables, their migrations, the engine, the writer thread, the queries."""
