"""The daemon's HTTP port: metrics, health, wallboard, agent page, follow-ups, and JSON APIs."""
