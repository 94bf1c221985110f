"""Who is to be called back, by whom and until when: rules, due times and the life of a follow-up. Pure."""
