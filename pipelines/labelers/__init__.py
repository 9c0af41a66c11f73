"""Ways to get rankings."""
