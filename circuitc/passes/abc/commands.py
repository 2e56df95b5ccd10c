"""Which ABC commands a script may hold: those that keep the function and touch no file, with their options.

A script is commands between semicolons. A command is a name of `COMMANDS` and then options (`-a`, `-K`) and whole
numbers; nothing else, so neither file names nor shell escapes can be said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from circuitc.diagnostics import error, nearest

# The letters are the options that change how hard or by which road ABC works; those that print, read or write files,
# or stop by the clock (answers must not depend on the machine) are left out.
COMMANDS: Mapping[str, str] = MappingProxyType({
    "balance": "ldsx",
    "rewrite": "lz",
    "refactor": "NMClz",
    "resub": "KNMFlz",
    "orchestrate": "KNFZzl",
    "dc2": "blf",
    "drwsat": "b",
    "strash": "cr",
    "fraig": "RDCrs",
    "ifraig": "PC",
    "dch": "WCStgfrx",
    "if": "KCFAGRarem",
    "mfs2": "WFDMLCZNdael",
    "lutpack": "NQSLszfo",
    "renode": "KCFAs",
    "sweep": "s",
    "multi": "TFm",
    "&get": "n",
    "&put": "",
    "&st": "",
    "&b": "ads",
    "&dc2": "l",
    "&dch": "WCSf",
    "&fraig": "WRILDCNxy",
    "&syn2": "aKR",
    "&syn3": "",
    "&syn4": "",
    "&deepsyn": "IJAS",
    "&resub": "",
    "&if": "KCFAaeg",
    "&mfs": "WFDMLCdaeb",
})

_RESYN2 = "balance; rewrite; refactor; balance; rewrite; rewrite -z; balance; refactor -z; rewrite -z; balance"
_COMPRESS2RS = ("balance -l; resub -K 6 -l; rewrite -l; resub -K 6 -N 2 -l; refactor -l; resub -K 8 -l; balance -l; "
                "resub -K 8 -N 2 -l; rewrite -l; resub -K 10 -l; rewrite -z -l; resub -K 10 -N 2 -l; balance -l; "
                "resub -K 12 -l; refactor -z -l; resub -K 12 -N 2 -l; rewrite -z -l; balance -l")

ALIASES: Mapping[str, str] = MappingProxyType({
    "resyn": "balance; rewrite; rewrite -z; balance; rewrite -z; balance",
    "resyn2": _RESYN2,
    "compress2rs": _COMPRESS2RS,
})
"""Scripts that everyone calls by these names (`abc.rc` defines them, which we do not read)."""

MAX_COMMANDS = 500
_OPTION = re.compile(r"-([A-Za-z]+)")
_NUMBER = re.compile(r"\d{1,9}")


def read_script(text: str) -> str:
    """Check a script against the lists, and give it with the aliases written out; a CircuitError says what is refused.
    """
    commands = [part.strip() for part in text.split(";")]
    expanded = [c for part in commands if part for c in ALIASES.get(part, part).split("; ")]
    if not expanded:
        raise error("abc: the script holds no command")
    if len(expanded) > MAX_COMMANDS:
        raise error(f"abc: the script holds {len(expanded)} commands, more than {MAX_COMMANDS}")
    for command in expanded:
        _check(command)
    return "; ".join(" ".join(command.split()) for command in expanded)


def _check(command: str) -> None:
    name, *words = command.split()
    if name not in COMMANDS:
        raise error(f"abc: {name!r} is not among the commands that a script may hold",
                    help=nearest(name, (*COMMANDS, *ALIASES)))
    letters = COMMANDS[name]
    for word in words:
        option = _OPTION.fullmatch(word)
        if option is not None and set(option[1]) <= set(letters):
            continue
        if not _NUMBER.fullmatch(word):
            allowed = f"options of {name} are -{', -'.join(letters)}" if letters else f"{name} takes no options"
            raise error(f"abc: {name} is given {word!r}, which a script may not hold", help=f"{allowed}, and numbers")
