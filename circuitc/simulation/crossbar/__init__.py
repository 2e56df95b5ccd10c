"""Read bundles of the crossbar target, and run what they describe."""
