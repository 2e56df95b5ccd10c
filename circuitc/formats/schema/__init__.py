"""What may stand in a model.json, as pydantic models; their descriptions are the documentation."""

from .aig import AigLatch, AigModel, AigOutput
from .base import SCHEMA, FileArray, InputPort
from .btf import BtfLayer, BtfModel, BtfNeuron, BtfOutput
from .errors import validate

MODELS = {"btf": BtfModel, "aig": AigModel}

__all__ = ["AigLatch", "AigModel", "AigOutput", "BtfLayer", "BtfModel", "BtfNeuron", "BtfOutput", "FileArray",
           "InputPort", "MODELS", "SCHEMA", "validate"]
