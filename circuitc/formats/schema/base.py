"""What the kinds of model.json share: strict objects, exact numbers, ports, arrays in files."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, FailFast, Field, PlainValidator, Tag, WithJsonSchema
from pydantic.functional_validators import ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from circuitc.diagnostics import CircuitError, nearest
from circuitc.models.decimals import parse_decimal

from ..json_text import Duplicate, Unreadable, describe

SCHEMA = "circuitc.model/1"
NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
NAME_WORDS = "a name: letters, digits and underscores, not beginning with a digit"

Exact = int | Decimal


class Strict(BaseModel):
    """An object whose keys are all known and whose values have the right type as they stand."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_name=False)

    @model_validator(mode="wrap")
    @classmethod
    def _known_keys(cls, value: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        """Refuse unknown keys first, with the nearest known one: the commonest mistake gets the best answer."""
        if isinstance(value, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in value:
                if key not in known:
                    raise fault(f"there is no key {shorten(key)!r} here", nearest(key, known))
        elif not isinstance(value, cls):
            raise fault(f"expected an object, got {describe(value)}")
        return handler(value)


def fault(message: str, help: str = "") -> PydanticCustomError:
    """Make an error whose text is ours already."""
    return PydanticCustomError("circuitc", "{message}", {"message": message, "help": help})


def shorten(text: str) -> str:
    """Cut a long text for a message."""
    return text if len(text) <= 40 else text[:37] + "..."


def _exact(value: Any) -> Exact:
    """Take a JSON number, or a decimal number in quotes, exactly."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        try:
            return parse_decimal(value.strip())
        except CircuitError as e:
            raise fault(e.diagnostics[0].message) from None
    raise fault(f"expected a number, got {describe(value)}")


Number = Annotated[Any, PlainValidator(_exact), WithJsonSchema({"anyOf": [
    {"type": "number"}, {"type": "string", "pattern": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"}]})]
Row = Annotated[list[Number], FailFast()]
Rows = TypeAliasType("Rows", Annotated[list[Row], FailFast()])  # an alias by name: FailFast cannot be hashed


class FileArray(Strict):
    """An array that lies in a file beside the model."""

    file: str = Field(description="A .npz, .npy or .safetensors file in the model's folder or below it.")
    array: str = Field("", description="The array's name in the file; a .npy file has one array and needs none.")
    decimals: int | None = Field(None, ge=0, le=18, description=(
        "Floats are rounded to this many digits after the point, and the rounded numbers are the model. "
        "Without it every float is taken exactly, as the binary fraction that it is."))


def _is_file(value: Any) -> str:
    return "<file>" if isinstance(value, (dict, FileArray, Duplicate)) else "<rows>"


Weights = Annotated[Annotated[Rows, Tag("<rows>")] | Annotated[FileArray, Tag("<file>")], Discriminator(_is_file)]


class InputPort(Strict):
    """A named group of input bits."""

    name: str = Field(pattern=NAME, max_length=200, description="The port's name in the module and in what is emitted.")
    size: int | None = Field(None, ge=1, le=1 << 20, description=(
        "A vector of so many bits (spins where the kind is btf). Without size and type the port is one bit."))
    type: str | None = Field(None, description=(
        "Instead of size: any exact type, such as u8, i4[3], bit[4], spin[16]. Of a number the network sees the bits."))
    bit_order: Literal["lsb", "msb"] = Field("lsb", description=(
        "Which bit of a number comes first: the lowest (lsb) or the highest (msb). "
        "For vectors of bits it only says how to read them as one number."))


class Header(Strict):
    """The keys that every kind has."""

    schema_: Literal["circuitc.model/1"] = Field(alias="schema", description="The version of this format.")
    name: str | None = Field(None, pattern=NAME, max_length=200, description="The func's name; else that of the file.")
    description: str = Field("", description="Words for people.")


__all__ = ["SCHEMA", "Exact", "FileArray", "Header", "InputPort", "Number", "Row", "Rows", "Strict", "Unreadable",
           "Weights", "fault"]
