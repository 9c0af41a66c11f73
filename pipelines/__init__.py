"""What runs: one module a DVC stage, and the ways into and out of the project."""
