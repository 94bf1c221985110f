"""`cc-bridge doctor`: what is well beside this PBX, what is not, and what to do about it.

`runner.py` goes through the subjects, a module each. They look and judge; nothing is changed, neither on
the PBX nor here.
"""
