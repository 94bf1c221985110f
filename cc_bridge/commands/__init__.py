"""The commands of `cc-bridge`: one module for each subject, such as opt-outs.

Each command imports most modules inside its function, so that `cc-bridge --help` answers quickly.
"""
