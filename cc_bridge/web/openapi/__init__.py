"""The definitions of the HTTP API, which check requests and from which /api/openapi.json is made."""
