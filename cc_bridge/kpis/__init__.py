"""KPIs: the catalogue of definitions, the service level, and scores with their intervals. Pure."""
