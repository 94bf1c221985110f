"""Database queries, with one module for each subject. Most functions take an open connection."""
