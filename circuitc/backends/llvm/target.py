"""Which processor to make code for, and LLVM's machinery around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from circuitc.diagnostics import error, nearest

# Processors by the width of their vectors. LLVM ends the process on a name that it does not know, so these are all.
PROCESSORS = {
    "x86_64": {
        128: "x86-64 x86-64-v2 nehalem westmere sandybridge ivybridge",
        256: "x86-64-v3 haswell broadwell skylake alderlake raptorlake meteorlake znver1 znver2 znver3",
        512: "x86-64-v4 skylake-avx512 cascadelake cooperlake icelake-client icelake-server tigerlake rocketlake "
             "sapphirerapids emeraldrapids graniterapids znver4 znver5",
    },
    "aarch64": {
        128: "generic cortex-a53 cortex-a57 cortex-a72 cortex-a76 neoverse-n1 neoverse-n2 neoverse-v1 neoverse-v2 "
             "apple-m1 apple-m2 apple-m3",
    },
}
VNNI = frozenset({
    "cascadelake", "cooperlake", "icelake-client", "icelake-server", "tigerlake", "rocketlake", "sapphirerapids",
    "emeraldrapids", "graniterapids", "znver4", "znver5", "alderlake", "raptorlake", "meteorlake",
})
BASELINE = {"x86_64": "x86-64-v2", "aarch64": "generic"}


@dataclass(frozen=True, slots=True)
class Target:
    """A processor: LLVM's triple, cpu and feature names, and the width of its vectors in bits.

    `ternary` says that any function of three 512-bit words is one instruction (AVX-512's vpternlog), `vnni` that sums
    of four products of bytes are (vpdpbusd), `permutes_bytes` that 64 of 128 bytes in any order are (vpermi2b).
    """

    triple: str
    cpu: str
    features: str
    vector_bits: int
    ternary: bool
    vnni: bool = False
    permutes_bytes: bool = False

    @property
    def lanes(self) -> int:
        """How many 64-bit words are evaluated in one go."""
        return self.vector_bits // 64

    @property
    def has_assembly(self) -> bool:
        """Is straight-line code written as assembly here (AVX-512 and AVX2), or by LLVM?"""
        return self.is_x86 and self.vector_bits >= 256

    @property
    def is_x86(self) -> bool:
        return self.triple.split("-")[0] in ("x86_64", "amd64")

    @property
    def panel_vectors(self) -> int:
        """How many vectors of sums a row of a matrix product has: 6 rows must fit the registers (32, or 16)."""
        return 2 if self.is_x86 and self.vector_bits < 512 else 4


@cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()


def host() -> Target:
    """Describe the machine this runs on."""
    _initialize()
    features = llvm.get_host_cpu_features()
    wide = features.get("avx512f", False) and features.get("avx512vl", False)
    bits = 512 if wide else 256 if features.get("avx2", False) else 128
    vnni = features.get("avx512vnni" if wide else "avxvnni", False)
    return Target(llvm.get_default_triple(), llvm.get_host_cpu_name(), features.flatten(), bits, bool(wide), bool(vnni),
                  bool(wide and features.get("avx512vbmi", False)))


def named(cpu: str) -> Target:
    """Describe a processor of the host's architecture by LLVM's name for it; `native` is the host itself.

    `baseline` is what every machine of the architecture of the last ten years runs.
    """
    _initialize()
    if cpu == "native":
        return host()
    triple = llvm.get_default_triple()
    family = _family(triple)
    cpu = BASELINE[family] if cpu == "baseline" else cpu
    width = {name: bits for bits, names in PROCESSORS[family].items() for name in names.split()}
    if cpu not in width:
        raise error(f"cpu={cpu} is not the name of a {family} processor that is known here",
                    help=nearest(cpu, ["baseline", "native", *width]))
    return Target(triple, cpu, "", width[cpu], width[cpu] == 512, cpu in VNNI,
                  cpu in VNNI and width[cpu] == 512 and cpu not in ("cascadelake", "cooperlake"))


def _family(triple: str) -> str:
    family = {"amd64": "x86_64", "arm64": "aarch64"}.get(triple.split("-")[0], triple.split("-")[0])
    if family not in PROCESSORS:
        raise error(f"there are no named processors for {triple}", help="use cpu=native")
    return family


def machine(target: Target, *, level: int = 2, jit: bool = False) -> Any:
    """Make LLVM's target machine; `level` is that of code generation."""
    _initialize()
    return llvm.Target.from_triple(target.triple).create_target_machine(
        target.cpu, target.features, opt=level, reloc="default" if jit else "pic",
        codemodel="jitdefault" if jit else "default", jit=jit)


def optimise(module: Any, tm: Any, *, level: int = 2, unroll: bool = True) -> None:
    """Run LLVM's standard passes, loops vectorised, over a module in place.

    Without `unroll` loops are not unrolled or interleaved, nor straight code vectorised: a third of the time, for code
    in which the loops do little of the work.
    """
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = options.slp_vectorization = level >= 2
    if not unroll:
        options.slp_vectorization = options.loop_unrolling = options.loop_interleaving = False
    builder = llvm.create_pass_builder(tm, options)
    builder.getModulePassManager().run(module, builder)
