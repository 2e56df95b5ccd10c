"""Automata: cellular ones on rings and tori."""

from .cellular import Grid, build_cellular, parse_pattern
from .gates import find_turns, threshold_network
from .rule import Rule, parse_rule
from .words import word_type

__all__ = ["Grid", "Rule", "build_cellular", "find_turns", "parse_pattern", "parse_rule", "threshold_network",
           "word_type"]
