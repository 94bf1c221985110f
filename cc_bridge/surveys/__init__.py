"""Surveys: definitions, eligibility, the interview, the rated agents. Pure: no Twisted, no SQL, no clock."""
