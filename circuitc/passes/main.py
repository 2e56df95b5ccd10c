"""Choose the main func."""

from __future__ import annotations

from dataclasses import dataclass, replace

from circuitc.ir import Graph, Module

from .base import Context, Pass


@dataclass(frozen=True, slots=True)
class Main(Pass):
    """Make another func the main one: `func`, without @. Funcs that it does not need are dropped; none changes."""

    func: str

    def apply(self, module: Module, context: Context) -> Module:
        chosen = module.func(self.func)
        needed, open_ = {chosen.name}, [chosen]
        while open_:
            body = open_.pop().body
            if isinstance(body, Graph):
                called = {n.attributes["func"] for n in body.nodes if n.op == "call"} - needed
                needed |= called
                open_ += [module.funcs[name] for name in sorted(called)]
        if module.entry is chosen and needed == set(module.funcs):
            return module
        return replace(module, funcs={name: f for name, f in module.funcs.items() if name in needed}, main=chosen.name)
