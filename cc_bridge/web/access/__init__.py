"""Access to the pages and APIs: who sends a request, and what the sender may see."""
