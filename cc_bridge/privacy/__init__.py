"""Personal data: keys of caller numbers, pseudonymisation of records, and the data subject. Pure."""
