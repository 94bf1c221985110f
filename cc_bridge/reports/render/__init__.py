"""Renderers of a report: terminal, HTML, CSV and JSON, with charts and localised text."""
