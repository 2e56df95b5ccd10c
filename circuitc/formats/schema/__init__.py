"""What may stand in a model.json, as pydantic models; their descriptions are the documentation."""

from .aig import AigLatch, AigModel, AigOutput
from .base import SCHEMA, FileArray, InputPort
from .btf import BtfLayer, BtfModel, BtfNeuron, BtfOutput
from .errors import validate
from .networks import MlpLayer, MlpModel, NetworkInput, OnnxModel, StateDictModel, StateLayer

MODELS = {"btf": BtfModel, "aig": AigModel, "mlp": MlpModel, "state-dict": StateDictModel, "onnx": OnnxModel}

__all__ = ["AigLatch", "AigModel", "AigOutput", "BtfLayer", "BtfModel", "BtfNeuron", "BtfOutput", "FileArray",
           "InputPort", "MODELS", "MlpLayer", "MlpModel", "NetworkInput", "OnnxModel", "SCHEMA", "StateDictModel",
           "StateLayer", "validate"]
