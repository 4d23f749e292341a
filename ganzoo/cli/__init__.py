"""The command ``ganzoo``. Each verb has its own file, and imports what it needs when it runs."""
