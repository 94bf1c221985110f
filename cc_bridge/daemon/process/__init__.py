"""The daemon as a process: its open files, its end, its periodic tasks, and what systemd hears of it."""
