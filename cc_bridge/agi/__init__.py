"""FastAGI: Asterisk connects for each caller, plays the prompts that cc_bridge names, and returns keys."""
