"""Which processor to make code for, and LLVM's machinery around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from circuitc.diagnostics import error

_WORDS_512 = ("x86-64-v4", "skylake-avx512", "cascadelake", "cooperlake", "cannonlake", "icelake", "tigerlake",
              "rocketlake", "sapphirerapids", "emeraldrapids", "graniterapids", "znver4", "znver5")
_WORDS_256 = ("x86-64-v3", "haswell", "broadwell", "skylake", "alderlake", "raptorlake", "znver1", "znver2", "znver3",
              "core-avx2")


@dataclass(frozen=True, slots=True)
class Target:
    """A processor: LLVM's triple, cpu and feature names, and the width of its vectors in bits.

    `ternary` says that any function of three 512-bit words is one instruction (AVX-512's vpternlog).
    """

    triple: str
    cpu: str
    features: str
    vector_bits: int
    ternary: bool

    @property
    def lanes(self) -> int:
        """How many 64-bit words are evaluated in one go."""
        return self.vector_bits // 64


@cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def host() -> Target:
    """Describe the machine this runs on."""
    _initialize()
    features = llvm.get_host_cpu_features()
    wide = features.get("avx512f", False) and features.get("avx512vl", False)
    bits = 512 if wide else 256 if features.get("avx2", False) else 128
    return Target(llvm.get_default_triple(), llvm.get_host_cpu_name(), features.flatten(), bits, bool(wide))


def named(cpu: str) -> Target:
    """Describe a processor of the host's architecture by LLVM's name for it; `native` is the host itself.

    `baseline` is what every machine of the architecture of the last ten years runs.
    """
    _initialize()
    if cpu == "native":
        return host()
    triple = llvm.get_default_triple()
    if cpu == "baseline":
        cpu = "x86-64-v2" if triple.startswith("x86_64") else "generic"
    if not cpu.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise error(f"cpu={cpu} is not the name of a processor",
                    help="use baseline, native, or a name such as x86-64-v3")
    bits = 512 if cpu.startswith(_WORDS_512) else 256 if cpu.startswith(_WORDS_256) else 128
    return Target(triple, cpu, "", bits, bits == 512)


def machine(target: Target, *, level: int = 2, jit: bool = False) -> Any:
    """Make LLVM's target machine; `level` is that of code generation."""
    _initialize()
    return llvm.Target.from_triple(target.triple).create_target_machine(
        target.cpu, target.features, opt=level, reloc="default" if jit else "pic",
        codemodel="jitdefault" if jit else "default", jit=jit)


def optimise(module: Any, tm: Any, *, level: int = 2) -> None:
    """Run LLVM's standard passes, loops vectorised, over a module in place."""
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = options.slp_vectorization = level >= 2
    builder = llvm.create_pass_builder(tm, options)
    builder.getModulePassManager().run(module, builder)
