"""Print the text form."""
from ..func import Module
def print_module(module: Module) -> str: raise AssertionError("being written")
