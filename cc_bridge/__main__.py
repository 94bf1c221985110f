"""The entry point for `python -m cc_bridge`, which is the same as the command `cc-bridge`."""

from cc_bridge.cli import main

main()
