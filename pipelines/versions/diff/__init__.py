"""Says which rows differ between two revisions of a project, or between any two files."""
