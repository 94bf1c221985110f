"""`cc-bridge doctor`: checks of the installation, with a remedy for each problem that they find.

`runner.py` runs the checks. Each of the other modules checks one subject, such as the database. The checks
change nothing on the PBX or on this machine.
"""
