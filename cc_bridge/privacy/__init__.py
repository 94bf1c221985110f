"""Personal data: caller keys, pseudonymisation of records, and the search for a data subject. Without I/O."""
