"""FastAGI: Asterisk connects to cc_bridge for each caller, and cc_bridge sends commands for the call.

The commands play prompts, return the keys that the caller presses, record comments and set channel variables.
"""
