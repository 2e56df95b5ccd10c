"""Automata: cellular ones on rings and tori, finite ones, and recurrent networks that are finite ones."""

from .alphabet import over_alphabet
from .cellular import Grid, build_cellular, parse_pattern
from .extract import Extraction, extract
from .finite import Automaton, automaton_module, automaton_of, to_dot
from .gates import find_turns, threshold_network
from .regularized import regularized
from .rule import Rule, parse_rule
from .words import word_type

__all__ = ["Automaton", "Extraction", "Grid", "Rule", "automaton_module", "automaton_of", "build_cellular",
           "extract", "find_turns", "over_alphabet", "parse_pattern", "parse_rule", "regularized",
           "threshold_network", "to_dot", "word_type"]
