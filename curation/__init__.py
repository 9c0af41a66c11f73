"""What we do to data: pure functions over tables that decide what is dropped, joined, weighed and split."""
