"""KPIs: catalogue, service level, question kinds, and survey scores with confidence intervals. Pure."""
