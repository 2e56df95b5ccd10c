"""What may stand in a model.json, as pydantic models; their descriptions are the documentation."""

from .aig import AigLatch, AigModel, AigOutput
from .automata import AutomatonModel, CellularModel
from .base import SCHEMA, FileArray, InputPort
from .btf import BtfLayer, BtfModel, BtfNeuron, BtfOutput
from .cells import CfcModel, EgruModel, LtcModel, PlrnnModel
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
from .memories import ConductanceMatrix, HopfieldModel, ReservoirModel, SparseMatrix
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
    "cellular-automaton": CellularModel,
    "automaton": AutomatonModel,
    "hopfield": HopfieldModel,
    "reservoir": ReservoirModel,
    "plrnn": PlrnnModel,
    "cfc": CfcModel,
    "ltc": LtcModel,
    "egru": EgruModel,
    "spiking": SpikingModel,
}

__all__ = [
    "AigLatch", "AigModel", "AigOutput",
    "BtfLayer", "BtfModel", "BtfNeuron", "BtfOutput",
    "CfcModel", "EgruModel", "LtcModel", "PlrnnModel",
    "DwnLayerModel", "DwnModel", "GateLayerModel", "LogicGatesModel", "LogicHeader", "LogicInput", "LutNetworkModel",
    "TableLayerModel",
    "AutomatonModel", "CellularModel", "ConductanceMatrix", "HopfieldModel", "ReservoirModel", "SparseMatrix",
    "GnnModel", "GnnProgram",
    "MlpLayer", "MlpModel", "NetworkInput", "OnnxModel", "RnnLayer", "RnnModel", "StateDictModel", "StateLayer",
    "CoreModel", "SpikingModel", "UltraLayerModel",
    "FileArray", "InputPort", "MODELS", "SCHEMA", "validate",
]
