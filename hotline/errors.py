"""What stops a command, in words for the person at the keyboard. Imports nothing, so that `hotline --help` is quick."""


class StartError(Exception):
    """Something without which we cannot start. The text is for the person at the keyboard."""
