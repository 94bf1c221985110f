"""The renderers of a report: terminal, HTML with charts, CSV and JSON, in the reader's language."""
