"""Arrays of memristors as a target: hardware files, mapping, physics, certificates and the bundle of tables."""
