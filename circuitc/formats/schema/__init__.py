"""What may stand in a model.json, as pydantic models; their descriptions are the documentation."""

from .aig import AigLatch, AigModel, AigOutput
from .base import SCHEMA, FileArray, InputPort
from .btf import BtfLayer, BtfModel, BtfNeuron, BtfOutput
from .errors import validate
from .gnn import GnnModel, GnnProgram

MODELS = {"btf": BtfModel, "aig": AigModel, "gnn": GnnModel}

__all__ = ["AigLatch", "AigModel", "AigOutput", "BtfLayer", "BtfModel", "BtfNeuron", "BtfOutput", "FileArray",
           "GnnModel", "GnnProgram", "InputPort", "MODELS", "SCHEMA", "validate"]
