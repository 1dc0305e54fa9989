"""Puts the parts together: settings, assembly, commands. Everything may be imported here; nothing imports this.

Here: `settings` (what the environment may set), `assembly` (the house of a running process), `cli` (the commands), `worker`, `serve`.
Not here: anything that answers, decides or stores.
"""
