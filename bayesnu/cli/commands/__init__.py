"""One file per command: its options beside what it does. A file is imported when its command is called, or listed."""
