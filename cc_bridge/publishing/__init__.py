"""Reports and digests reach those who read them: made of the database, as files or by mail.

A digest's way: `when_due.py` looks whether one is due, `posting.py` claims what was not sent yet, `making.py`
reads the database and hands the rows to `digest/`, which says what they mean and writes the mail; `smtp.py`
takes it to the mail server. `commands/digest.py` does the same by hand. `settings.py` is what the
configuration says to whoever makes a report.

The trap: the daemon imports `when_due.py` alone when it starts. The rest costs memory that only those spend
who have digests.
"""
