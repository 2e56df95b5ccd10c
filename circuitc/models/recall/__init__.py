"""Associative memories: Hopfield networks, classical and dense."""

from .hopfield import Memory, build_hopfield, energy, hebbian

__all__ = ["Memory", "build_hopfield", "energy", "hebbian"]
