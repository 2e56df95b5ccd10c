"""circuitc: a compiler for circuit-like models, with proofs."""
