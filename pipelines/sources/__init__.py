"""The ways in and out: importers of the field's formats, and the built-in world as a source."""
