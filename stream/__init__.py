"""The service: events in, alerts out, over one ordered log per line."""
