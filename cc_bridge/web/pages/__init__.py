"""The pages for persons: HTML that the daemon renders, in English and Persian."""
