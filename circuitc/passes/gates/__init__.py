"""Gate-level rules."""
