"""Algebraic laws of linear maps, broadcasting and axes, each a pass: an architecture's graph becomes an equal one."""
