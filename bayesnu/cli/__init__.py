"""The command line: what users type, and what they read. The only imports of click and rich.

Nothing may import it.
"""
