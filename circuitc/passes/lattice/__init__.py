"""Recurrent networks as orders and lattices: for pruning, and to look at."""

from .draw import draw
from .neurons import Layer, Neurons, find_neurons, matrix_of, neuron_masks, neuron_norms
from .relation import centrality, closure, irreducible_neurons, meet_irreducible, order_of
from .scores import CLASS, Choice, Found, adjacency_of, decided, judge, layer_scores

__all__ = ["CLASS", "Choice", "Found", "Layer", "Neurons", "adjacency_of", "centrality", "closure", "decided", "draw",
           "find_neurons", "irreducible_neurons", "judge", "layer_scores", "matrix_of", "meet_irreducible",
           "neuron_masks", "neuron_norms", "order_of"]
