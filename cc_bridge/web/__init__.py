"""The daemon's HTTP server: metrics, health, wallboard, agent page, follow-ups, and JSON APIs."""
