"""What the tests of the documents share: the command line, as its own tests have it."""

from commands import andon, folder

__all__ = ["andon", "folder"]
