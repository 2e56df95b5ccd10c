"""Learn Boolean threshold networks from data, and make certified circuits of them."""

from .circuit import Circuit, gate_census, make_circuit, simplified, threshold_network, truth_table
from .classifier import make_classifier
from .dataset import Dataset, read_dataset
from .network import Network, cellular, layered, ring, torus
from .settings import Settings
from .trainer import Training, train
from .trial import Score, Trial, score

__all__ = ["Circuit", "Dataset", "Network", "Score", "Settings", "Training", "Trial", "cellular", "gate_census",
           "layered", "make_circuit", "make_classifier", "read_dataset", "ring", "score", "simplified",
           "threshold_network", "torus", "train", "truth_table"]
