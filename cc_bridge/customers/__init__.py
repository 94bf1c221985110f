"""Customers: their phone numbers, their timelines, repeat calls and lost calls. Pure."""
