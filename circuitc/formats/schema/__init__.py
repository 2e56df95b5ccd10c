"""What may stand in a model.json, as pydantic models; their descriptions are the documentation."""

from .aig import AigLatch, AigModel, AigOutput
from .base import SCHEMA, FileArray, InputPort
from .btf import BtfLayer, BtfModel, BtfNeuron, BtfOutput
from .errors import validate
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

MODELS = {"btf": BtfModel, "aig": AigModel, "logic-gates": LogicGatesModel, "lut-network": LutNetworkModel,
          "dwn": DwnModel}

__all__ = ["AigLatch", "AigModel", "AigOutput", "BtfLayer", "BtfModel", "BtfNeuron", "BtfOutput",
           "DwnLayerModel", "DwnModel", "FileArray", "GateLayerModel", "InputPort", "LogicGatesModel", "LogicHeader",
           "LogicInput", "LutNetworkModel", "MODELS", "TableLayerModel", "SCHEMA", "validate"]
