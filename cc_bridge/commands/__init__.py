"""The commands of `cc-bridge`, one module a subject; each imports what it needs when it runs."""
