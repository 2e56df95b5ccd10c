"""The ladder: from a neuron with large weights to its smallest exact gate, with the evidence for it."""

from .gates import Gate, census, gate_of, summarize
from .ladder import Rung, climb
from .normal import Normal, certify, normal_form
from .patterns import enumerate_inputs, patterns_seen
from .search import AllPatterns, SomePatterns, smallest_weights

__all__ = ["AllPatterns", "Gate", "Normal", "Rung", "SomePatterns", "census", "certify", "climb", "enumerate_inputs",
           "gate_of", "normal_form", "patterns_seen", "smallest_weights", "summarize"]
