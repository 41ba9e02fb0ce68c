"""The command line: what users type, and what they read. The only imports of click and rich.

`main.py` finds a command by its name: `commands/COMMAND.py`, with `_` for `-`. `run_tables.py` prints a run, `output.py` any
table or JSON. The other files hold what several commands share.

No other room may import it.
"""
