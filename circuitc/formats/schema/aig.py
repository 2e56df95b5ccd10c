"""Kind `aig`: an and-inverter graph."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, FailFast, Field, Tag
from typing_extensions import TypeAliasType

from .base import NAME, FileArray, Header, InputPort, Strict

Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
Pairs = TypeAliasType("Pairs", Annotated[list[Pair], FailFast()])


def _is_file(value: Any) -> str:
    return "<rows>" if isinstance(value, list) else "<file>"


class AigOutput(Strict):
    """A named group of output bits."""

    name: str = Field(pattern=NAME, max_length=200, description="The port's name.")
    literals: list[int] = Field(min_length=1, description="One literal a bit, least significant first within a number.")
    type: str | None = Field(None, description=(
        "Any exact type of so many bits; without it `bit` for one literal, else a vector of bits."))


class AigLatch(Strict):
    """A register of one bit."""

    name: str | None = Field(None, pattern=NAME, max_length=200, description="Its name; else l0, l1, ...")
    next: int = Field(description="The literal of its next value.")
    initial: Literal[0, 1, "free"] = Field(0, description="Its first value; free means any.")


class AigModel(Header):
    """An and-inverter graph: an AIGER file beside the model, or the graph itself.

    A literal is twice a node's number, plus 1 where it is inverted. Node 0 is false, then come the input bits in order,
    the latches, and the ANDs: so literal 0 is false and literal 1 is true.
    """

    kind: Literal["aig"] = Field(description="An and-inverter graph.")
    aiger: str | None = Field(None, description=(
        "An AIGER file in the model's folder; then no other key describes the graph."))
    inputs: list[InputPort] | None = Field(None, description="The input ports; default type is bit.")
    ands: Annotated[Annotated[Pairs, Tag("<rows>")] | Annotated[FileArray, Tag("<file>")],
                    Discriminator(_is_file)] | None = Field(None, description=(
                        "The AND gates, each as its two fan-in literals, which belong to nodes before it."))
    outputs: list[AigOutput] | None = Field(None, min_length=1, description="The output ports.")
    latches: list[AigLatch] | None = Field(None, description="Registers; with any, the model runs as a stream.")
    names: dict[str, str] | None = Field(None, description='Names of some AND nodes by number: {"7": "carry"}.')
