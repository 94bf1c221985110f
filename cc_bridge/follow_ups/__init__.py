"""Follow-ups: rules that open them, due times, and states from open to closed. Pure."""
