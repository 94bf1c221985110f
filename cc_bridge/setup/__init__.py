"""`cc-bridge setup`: installation of cc_bridge's files beside an Asterisk on this machine, and its undo."""
