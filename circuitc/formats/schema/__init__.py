"""What may stand in a model.json, as pydantic models; their descriptions are the documentation."""

from .aig import AigLatch, AigModel, AigOutput
from .base import SCHEMA, FileArray, InputPort
from .btf import BtfLayer, BtfModel, BtfNeuron, BtfOutput
from .errors import validate
from .gnn import GnnModel, GnnProgram
from .logic import (
    DwnLayerModel,
    DwnModel,
    GateLayerModel,
    LogicGatesModel,
    LogicHeader,
    LogicInput,
    LutNetworkModel,
    TableLayerModel,
)
from .networks import MlpLayer, MlpModel, NetworkInput, OnnxModel, RnnLayer, RnnModel, StateDictModel, StateLayer
from .spiking import CoreModel, SpikingModel, UltraLayerModel

MODELS = {
    "btf": BtfModel,
    "aig": AigModel,
    "logic-gates": LogicGatesModel,
    "lut-network": LutNetworkModel,
    "dwn": DwnModel,
    "mlp": MlpModel,
    "state-dict": StateDictModel,
    "onnx": OnnxModel,
    "rnn": RnnModel,
    "gnn": GnnModel,
    "spiking": SpikingModel,
}

__all__ = [
    "AigLatch", "AigModel", "AigOutput",
    "BtfLayer", "BtfModel", "BtfNeuron", "BtfOutput",
    "DwnLayerModel", "DwnModel", "GateLayerModel", "LogicGatesModel", "LogicHeader", "LogicInput", "LutNetworkModel",
    "TableLayerModel",
    "GnnModel", "GnnProgram",
    "MlpLayer", "MlpModel", "NetworkInput", "OnnxModel", "RnnLayer", "RnnModel", "StateDictModel", "StateLayer",
    "CoreModel", "SpikingModel", "UltraLayerModel",
    "FileArray", "InputPort", "MODELS", "SCHEMA", "validate",
]
