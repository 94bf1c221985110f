"""Folders of the repository that tests read."""

from pathlib import Path

__all__ = ["FIXTURES", "ROOT", "SUPPORT", "TESTS"]

SUPPORT = Path(__file__).parent
TESTS = SUPPORT.parent
ROOT = TESTS.parent
FIXTURES = TESTS / "fixtures"
