"""What the tests of the command line share."""

from commands import andon, folder

__all__ = ["andon", "folder"]
