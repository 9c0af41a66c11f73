"""Keeps history whole: says what it needs, finds what is missing or damaged, sends it on, clears what is unused."""
