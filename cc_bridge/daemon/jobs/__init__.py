"""The periodic jobs of the daemon, each of which runs in a thread."""
