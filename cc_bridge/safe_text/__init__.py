"""Texts from outside the program, made safe for a terminal, a spreadsheet, an error text or memory. Pure.

A caller chooses the name that the network sends, and a file can hold anything.
"""
