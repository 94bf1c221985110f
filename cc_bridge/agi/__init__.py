"""FastAGI: Asterisk calls us for each caller, we tell it what to play and hear which keys were pressed."""
