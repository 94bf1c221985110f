"""`cc-bridge doctor`: checks of the installation, with a remedy for each problem.

`runner.py` runs the checks; each other module checks one subject. The checks change nothing on the PBX
or on this machine.
"""
