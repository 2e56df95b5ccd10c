"""The C face of an object file: a header that says every parameter, and the same facts as data for `ports.json`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from circuitc.ir import Func, Netlist, Port, Type

from .memory import bytes_of, c_type, storage_bits
from .ports import registers_of

SCHEMA = "circuitc.ports/1"
_KEYWORDS = """
    alignas alignof and auto bool break case char class const constexpr continue default delete do double else enum
    explicit export extern false float for friend goto if inline int long mutable namespace new not nullptr operator or
    private protected public register restrict return short signed sizeof static struct switch template this throw true
    try typedef typename union unsigned using virtual void volatile while xor"""


@dataclass(frozen=True, slots=True)
class Face:
    """What a C program sees: the func, the prefix of all names, bytes of working memory, messages of statuses.

    `stand_ins` are funcs that the program calls and that are marked for another target: weak functions.
    """

    func: Func
    prefix: str
    scratch: int
    sites: tuple[str, ...]
    cpu: str
    stand_ins: tuple[Func, ...] = ()


def identifier(name: str) -> str:
    """Make a C identifier of a name."""
    clean = re.sub(r"\W", "_", name, flags=re.ASCII)
    clean = f"_{clean}" if not clean or clean[0].isdigit() else clean
    return clean + "_" if clean in _KEYWORDS.split() else clean


def stand_in_name(prefix: str, func: str) -> str:
    """Name the C function of a func that is marked for another target."""
    return f"{prefix}_{identifier(func)}_run"


def identifiers(names: Iterable[str]) -> list[str]:
    """Make distinct C identifiers of names, in order."""
    taken: set[str] = set()
    found: list[str] = []
    for name in names:
        base = wish = identifier(name)
        count = 1
        while wish in taken:
            wish, count = f"{base}_{count}", count + 1
        taken.add(wish)
        found.append(wish)
    return found


def _describe(t: Type) -> str:
    """Say in words what one stored element is."""
    if t.is_float:
        return f"{t.scalar}"
    if t.is_spin:
        return "spin: -1 or +1"
    if t.is_bit:
        return "bit: 0 or 1"
    size = f"raw numbers {t.lowest}..{t.highest}"
    return f"{t.scalar}: {size}" + (f", value = raw * 2**{-t.fraction}" if t.fraction else "")


def _layout(func: Func, port: Port) -> str:
    axes = ["batch", *(["steps"] if func.is_stepped(port) else []), *map(str, port.type.shape)]
    return "".join(f"[{a}]" for a in axes)


def _comment(text: str) -> str:
    return text.replace("*/", "* /").replace("\n", " ")


def _members(func: Func, ports: Sequence[Port], qualifier: str) -> list[str]:
    lines: list[str] = []
    for name, port in zip(identifiers(p.name for p in ports), ports, strict=True):
        lines.append(f"  {qualifier}{c_type(port.type)} *{name};  "
                     f"/* {_comment(port.name)}: {_layout(func, port)}, {_describe(port.type)} */")
    return lines or ["  const void *unused;"]


def _registers(func: Func) -> list[str]:
    lines: list[str] = []
    for name, r in zip(identifiers(r.name for r in func.registers), func.registers, strict=True):
        size = f"[{r.type.size}]" if r.type.rank else ""
        start = " (free: set it before the first step)" if r.initial is None else ""
        lines.append(f"  {c_type(r.type)} {name}{size};  /* {_comment(r.name)}: {_describe(r.type)}{start} */")
    return lines or ["  char unused;"]


def _steps(func: Func) -> str:
    return {"once": "steps is ignored", "stream": "steps is the number of items of each sample, at least 1",
            "iterate": f"steps must be {func.schedule.count}", "until": f"steps must be {func.schedule.count}"}[
        func.schedule.kind]


def header(face: Face) -> str:
    """Print the C header."""
    func, p = face.func, face.prefix
    guard = f"{p.upper()}_H"
    lines = [
        f"/* @{_comment(func.name)} as native code, made by circuitc for cpu {face.cpu}.",
        "   Arrays are row major; exact types hold raw numbers, sign- or zero-extended to the element's C type.",
        "   Functions answer 0, or the number of a broken promise (see the message function). */",
        f"#ifndef {guard}", f"#define {guard}", "#include <stdint.h>", "#ifdef __cplusplus", 'extern "C" {',
        f"#define {p.upper()}_ALIGN alignas(64)", "#else", f"#define {p.upper()}_ALIGN _Alignas(64)", "#endif", "",
        "/* Working memory: one for each thread that calls at the same time; its content means nothing. */",
        f"typedef struct {{ {p.upper()}_ALIGN unsigned char bytes[{max(64, face.scratch)}]; }} {p}_scratch;", "",
        "/* Where the inputs lie. */",
        "typedef struct {", *_members(func, func.inputs, "const "), f"}} {p}_inputs;", "",
        "/* Where the outputs go. */", "typedef struct {", *_members(func, func.results, ""), f"}} {p}_outputs;", "",
        "/* The context that is kept from step to step, of one sample. */",
        "typedef struct {", *_registers(func), f"}} {p}_registers;", "",
        f"/* Whole calls of `batch` samples; {_steps(func)}.",
        "   initial: registers [batch] to start from, or a null pointer for the program's own. */",
        f"int32_t {p}_run({p}_scratch *scratch, int64_t batch, int64_t steps, const {p}_inputs *inputs,",
        f"                const {p}_outputs *outputs, const {p}_registers *initial);", "",
        "/* One step of each of `batch` samples (no axis of steps); registers [batch] are read and replaced. */",
        f"int32_t {p}_step({p}_scratch *scratch, {p}_registers *registers, int64_t batch, const {p}_inputs *inputs,",
        f"                 const {p}_outputs *outputs);", "",
        "/* Set the registers of `batch` samples to the program's initial values (free ones to 0). */",
        f"int32_t {p}_reset({p}_registers *registers, int64_t batch);", ""]
    lines += [line for f in face.stand_ins for line in _stand_in(f, p)]
    if isinstance(func.body, Netlist):
        lines += [f"/* One evaluation of 64 * words samples: in[{func.body.inputs}][words], "
                  f"out[{len(func.body.outputs)}][words]; bit s of word w is sample 64 * w + s.",
                  "   Rows are bits: inputs then registers, outputs then next registers; row major, lowest first. */",
                  f"int32_t {p}_packed({p}_scratch *scratch, int64_t words, const uint64_t *in, uint64_t *out);", "",
                  "/* The same on some columns of longer rows, which start `pitch` words after each other. */",
                  f"int32_t {p}_packed_rows({p}_scratch *scratch, int64_t words, int64_t pitch, const uint64_t *in,",
                  "                uint64_t *out);", ""]
    lines += ["/* Say what a status means. */", f"static inline const char *{p}_message(int32_t status) {{",
              "  switch (status) {", '  case 0: return "";']
    lines += [f"  case {k}: return {_quoted(site)};" for k, site in enumerate(face.sites, 1)]
    lines += ['  default: return "unknown";', "  }", "}", "", "#ifdef __cplusplus", "}", "#endif", "#endif", ""]
    return "\n".join(lines)


def _stand_in(func: Func, prefix: str) -> list[str]:
    """Declare a weak function: a program that has one of its own with this name takes its place."""
    ports = [f"   {how}[{k}]: {_comment(p.name)}{_layout(func, p)}, {c_type(p.type)}, {_describe(p.type)}"
             for how, ports in (("in", func.inputs), ("out", func.results)) for k, p in enumerate(ports)]
    return [f"/* @{_comment(func.name)}, which is meant for another target. Weak: link one of your own to replace it.",
            *ports, "   It is called with batch 1 and answers 0. */",
            f"int32_t {stand_in_name(prefix, func.name)}(void *scratch, int64_t batch, int64_t steps, "
            "const void *const *in,", "    void *const *out, const void *initial);", ""]


def _quoted(text: str) -> str:
    escaped = "".join(c if c.isascii() and c.isprintable() and c not in '"\\?' else "".join(
        f"\\{b:03o}" for b in c.encode()) for c in text)
    return f'"{escaped}"'


def port_map(face: Face) -> dict[str, Any]:
    """Describe the library as plain JSON values: ports, registers, working memory, statuses."""
    func = face.func
    layout = registers_of(func)
    names = identifiers(r.name for r in func.registers)
    return {
        "schema": SCHEMA, "func": func.name, "language": "c", "prefix": face.prefix, "cpu": face.cpu,
        "bit_order": "packed words: inputs then registers, row major, least significant bit first; "
                     "a spin is one bit, 1 means +1",
        "schedule": {"kind": func.schedule.kind,
                     "steps": None if func.schedule.kind == "stream" else func.schedule.count},
        "scratch_bytes": max(64, face.scratch), "statuses": list(face.sites),
        "ports": _port_facts(func, func.inputs, "input") + _port_facts(func, func.results, "output"),
        "registers": [{"name": r.name, "c": c, "type": str(r.type), "c_type": c_type(r.type), "offset": offset,
                       "free": r.initial is None}
                      for r, c, offset in zip(func.registers, names, layout.offsets, strict=True)],
        "register_bytes": layout.size,
    }


def _port_facts(func: Func, ports: Sequence[Port], direction: str) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = []
    for name, port in zip(identifiers(p.name for p in ports), ports, strict=True):
        t, e = port.type, port.encoding
        facts.append({
            "name": port.name, "c": name, "direction": direction, "type": str(t), "bits": t.bits,
            "rate": "step" if func.is_stepped(port) else "call", "c_type": c_type(t),
            "element_bits": storage_bits(t), "bytes": bytes_of(t), "layout": _layout(func, port),
            "encoding": {"scale": e.scale, "zero_point": e.zero_point,
                         **({"offset": e.offset} if e.offset else {}), "bit_order": e.bit_order,
                         **({"levels": list(e.levels)} if e.levels else {})}})
    return facts
