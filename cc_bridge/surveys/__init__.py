"""Surveys: definitions, eligibility, the interview, and which agents an answer rates. Pure.

No module of this package uses Twisted, SQL or the clock.
"""
