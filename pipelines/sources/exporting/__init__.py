"""The way out: what a project holds, in the formats of the field."""
