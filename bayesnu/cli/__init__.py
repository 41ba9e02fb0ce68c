"""The command line: what users type, and what they read. The only imports of click and rich.

`main.py` finds a command by its name: `commands/NAME.py`. The other files hold what several commands share.

Nothing may import it.
"""
