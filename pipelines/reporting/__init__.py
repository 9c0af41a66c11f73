"""Turns a turn's tables, ledger and metrics into one HTML page that opens offline."""
