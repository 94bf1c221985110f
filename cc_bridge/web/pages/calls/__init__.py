"""The page /calls: a list of calls, its filter in words, and its files."""
