"""Turns and revisions: what git, dvc.lock and the cache together say about the project's history."""
