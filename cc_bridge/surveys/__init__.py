"""Surveys: what is asked, how an interview goes, and whom it rates. Pure: no Twisted, no SQL, no clock."""
