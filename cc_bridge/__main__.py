"""`python -m cc_bridge` is `cc-bridge`."""

from cc_bridge.cli import main

main()
