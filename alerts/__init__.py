"""Alerts: what is worth saying, in which words, and how it reaches people."""
