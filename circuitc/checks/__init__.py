"""What a compile checks of what it made: claims, each with its evidence; nothing is claimed that was not looked at.

| target  | without --prove                                    | with --prove                                          |
|---------|----------------------------------------------------|-------------------------------------------------------|
| verilog | read back by Yosys (*), vectors through the gates  | once: proved equal; clocked: each step proved, and    |
|         | (clocked: whole calls through the handshake)       | the sequencing simulated                              |
|         | (pipelined: both)                                  | pipelined: the whole module proved, and simulated     |
| aiger   | read back by Yosys, vectors                        | proved equal                                          |
| llvm    | the shared library run in this process on vectors  | the same: native code is tested, never proved         |
| crossbar| the regions rebuilt from the table of devices: proved equal; with `certify`, worst cases worked out again  |
| lim     | operations played on cells, the function rebuilt from them and proved equal; else there is no build        |

(*) more than 200,000 lines: by our own streaming reader of gates. More than MAX_TABLE_ENTRIES
entries of tables, and no proof: vectors in Icarus, where it is installed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from circuitc.backends.base import Emission
from circuitc.ir import Module
from circuitc.proof import verify_emitted_aiger, verify_emitted_blif

from .arrays import check_crossbar
from .gates import check_lim, gate_list_check
from .native import check_llvm
from .question import Check, Checked, Question, TooLittleEvidence, require
from .verilog import check_verilog

CHECKS: Mapping[str, Check] = {
    "verilog": check_verilog, "aiger": gate_list_check(verify_emitted_aiger),
    "blif": gate_list_check(verify_emitted_blif), "llvm": check_llvm, "crossbar": check_crossbar, "lim": check_lim}


def check_emission(model: Module, final: Module, emission: Emission, target: str, *, verify: bool, prove: bool,
                   seconds: float, vectors: int, proof: str = "") -> Checked:
    """Check what a backend made; a difference raises an InternalError, for it is our fault.

    With `proof`, a file name, the comparison that is proved comes with a clausal proof.
    """
    start = time.monotonic()
    question = Question(model, final, emission, prove, seconds, vectors, proof)
    check = CHECKS.get(target, lambda q: iter([q.unchecked(f"there is no check for {target}")]))
    claims = tuple(check(question)) if verify else (question.unchecked("switched off"),)
    return Checked(claims, round(time.monotonic() - start, 3))


__all__ = ["CHECKS", "Checked", "Question", "TooLittleEvidence", "check_emission", "require"]
