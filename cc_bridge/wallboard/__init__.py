"""The figures that a wallboard shows: what goes on, and how today went. Pure."""
