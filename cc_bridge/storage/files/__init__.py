"""The files of SQLite databases and of the journal: their owner, their mode, and unreadable files."""
