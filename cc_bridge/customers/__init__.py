"""Customers: the numbers of a customer, their history, repeat calls and lost calls. Pure."""
