"""Access to the pages: who the visitor is, and what the visitor may see."""
