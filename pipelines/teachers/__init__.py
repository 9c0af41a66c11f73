"""Ways to get demonstrations."""
