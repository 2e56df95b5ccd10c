"""The typed dataflow IR: types, ops, graphs, netlists, funcs and modules; what they mean and how they print."""

from .constant import Constant
from .func import ONCE, PLAIN, STREAM, Body, Encoding, Func, Module, Port, Register, Schedule, module_of
from .graph import Builder, Graph, Node, Value, rebuild
from .interpreter import Stepper, call_steps, evaluate_body, evaluate_node, run
from .netlist import Kind, Netlist, NetlistBuilder, aig
from .netlist_analysis import evaluate_words, pack_words, unpack_words
from .op import Attribute, OpDef
from .ops import OPS, find_op
from .text import parse_module, print_module
from .types import BIT, F32, F64, SPIN, Type, fixed, index_type, parse_type, smallest, ufixed
from .values import check_raw, decode, encode, flatten_bits, given_state, random_raw, unflatten_bits
from .verifier import verify_module

__all__ = [
    "BIT", "F32", "F64", "ONCE", "OPS", "PLAIN", "SPIN", "STREAM",
    "Attribute", "Body", "Builder", "Constant", "Encoding", "Func", "Graph", "Kind", "Module", "Netlist",
    "NetlistBuilder", "Node", "OpDef", "Port", "Register", "Schedule", "Stepper", "Type", "Value",
    "aig", "call_steps", "check_raw", "decode", "encode", "evaluate_body", "evaluate_node", "evaluate_words",
    "find_op", "fixed", "flatten_bits", "given_state", "index_type", "module_of", "pack_words", "parse_module",
    "parse_type", "print_module", "random_raw", "rebuild", "run", "smallest", "ufixed", "unflatten_bits",
    "unpack_words", "verify_module",
]
