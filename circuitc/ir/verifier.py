"""Check modules."""
from .func import Module
def verify_module(module: Module) -> None: return None
