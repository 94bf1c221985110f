"""KPIs: their catalogue, the service level, question kinds, and survey scores with intervals. Pure."""
