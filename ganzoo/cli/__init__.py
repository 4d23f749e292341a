"""The command ``ganzoo``: one small file a verb. Each verb imports what it needs when it runs."""
