"""The command line, the settings, the composition root and the replay desk."""

__version__ = "0.1.0"
