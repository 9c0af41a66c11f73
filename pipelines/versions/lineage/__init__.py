"""Follows rows and models through history: where they came from, where they went, and what was dropped on the way."""
