"""What the data is: ids, tables, records and parameters, shared by every other package."""
