"""Show that a bundle computes what its program does: weights and least sums read back from the table of devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from circuitc.backends.crossbar.regions import region_of
from circuitc.diagnostics import CircuitError, Diagnostic
from circuitc.ir import Module
from circuitc.simulation.crossbar.agreement import disagreements
from circuitc.simulation.crossbar.bundle import Bundle, read_bundle
from circuitc.simulation.crossbar.certificates import findings
from circuitc.simulation.crossbar.rebuild import rebuild_region
from circuitc.simulation.crossbar.schema import RegionMap

from .certificate import digest
from .evidence import Evidence
from .verdict import Verdict

METHOD = "the same weights"


def verify_bundle(module: Module, files: Mapping[str, bytes]) -> Verdict:
    """Rebuild every region from `map.json` and the table alone, and compare it with the program's.

    Equal weights, least sums, bit planes and axes are the same function; the rest of the program is not on the array.
    A difference raises a CircuitError that says where.
    """
    bundle = read_bundle(files)
    found = [*disagreements(bundle), *region_differences(module, bundle)]
    if found:
        raise CircuitError([Diagnostic(f) for f in found])
    count = sum(len(r.outputs) for r in bundle.map.regions)
    note = f"{count} outputs of {len(bundle.map.regions)} regions, from map.json and {bundle.table.name}"
    return Verdict("equal", Evidence("proved", method=METHOD, note=note), subject="the regions on the array",
                   reader="circuitc's reader of bundles", artefact=digest(files["map.json"]))


def certify_bundle(files: Mapping[str, bytes], kind: str) -> Verdict:
    """Solve every tile again and tell whether all outputs are certified `nominal`, or `window`.

    Proved is what holds for every binary input of ohmic devices behind these wires; it is worked out in doubles, with
    margins that pass their rounding.
    """
    bundle = read_bundle(files)
    found = list(findings(bundle))
    faults = [f for finding in found for f in finding.faults]
    if faults:
        raise CircuitError([Diagnostic(f) for f in faults])
    good = sum(getattr(finding, kind) for finding in found)
    note = f"{good} of {len(found)} outputs, array {bundle.map.physics.array}, ohmic devices"
    if bundle.measured is not None:
        note += ", those that were measured as they were"
    if good < len(found):
        evidence = Evidence("not_checked", method="worst case", note=note)
        return Verdict("unknown", evidence, subject="the outputs of the array", artefact=digest(files["map.json"]))
    evidence = Evidence("proved", method="worst case over all binary inputs", solver="exact transfer matrix", note=note)
    return Verdict("equal", evidence, subject="the outputs of the array", artefact=digest(files["map.json"]))


def region_differences(module: Module, bundle: Bundle) -> Iterator[str]:
    """Say where the regions that a bundle holds are not those of a program."""
    wanted = {f.name for f in module.funcs.values() if f.target == "crossbar"}
    held = {r.func for r in bundle.map.regions}
    for name in sorted(wanted - held):
        yield f"map.json: the program's region @{name} is missing"
    for region in bundle.map.regions:
        if region.func not in wanted:
            yield f"map.json: the program has no region @{region.func}"
        else:
            yield from _differences(module, bundle, region)


def _differences(module: Module, bundle: Bundle, said: RegionMap) -> Iterator[str]:
    region, rebuilt = region_of(module.func(said.func)), rebuild_region(bundle, said)
    layout = region.layout
    same = {"planes": tuple(said.planes) == region.planes, "spins": said.spins == region.spins,
            "times": said.times == region.times, "inputs": said.inputs == region.inputs,
            "outputs": len(said.outputs) == region.outputs,
            "layout": [list(layout.x_shape), list(layout.x_order), list(layout.y_shape), list(layout.y_order)]
            == [said.layout.x_shape, said.layout.x_order, said.layout.y_shape, said.layout.y_order],
            "least sums": (rebuilt.least is None) == (region.thresholds is None)}
    wrong = [name for name, holds in same.items() if not holds]
    if wrong:
        yield f"@{said.func}: {', '.join(wrong)} are not those of the program"
        return
    for output, source in np.argwhere(rebuilt.weights != region.weights)[:5].tolist():
        yield (f"@{said.func}: the devices hold {rebuilt.weights[output, source]} for x{source} in y{output}, "
               f"the program has {region.weights[output, source]}")
    if rebuilt.least is not None and region.thresholds is not None:
        for output in np.flatnonzero(rebuilt.least != region.thresholds)[:5].tolist():
            yield (f"@{said.func}: y{output} asks for a sum of {rebuilt.least[output]}, the program for "
                   f"{region.thresholds[output]}")
