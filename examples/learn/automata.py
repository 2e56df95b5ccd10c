"""Learn a rule of an elementary automaton: --shared 1 learns one cell for all places, proves it and makes Verilog."""

import tempfile
from pathlib import Path

from tasks import arguments, automaton, ints, rule_table, tell, tell_circuit

import circuitc
from circuitc.learn import Network, Settings, cellular, layered, make_circuit, ring, train

a = arguments(rule=30, cells=16, items=256, tests=4096, widths="16,32,32,16", hidden="4,3", shared=0, sigma=3.0,
              gap=0.1, gamma=1e-3, iterations=1_000_000, out="")
everything = automaton(a.rule, a.cells, a.items + a.tests, a.seed)
data, test = everything.take(slice(a.items)), everything.take(slice(a.items, None))
hidden = ints(a.hidden) if a.hidden else []
network = cellular(a.cells, ring(a.cells), hidden) if a.shared else layered(ints(a.widths))
training = train(network, data, Settings(sigma=a.sigma, gamma=a.gamma, gap=a.gap, iterations=a.iterations,
                                         restarts=a.restarts, seed=a.seed, threads=a.threads), test=test)
tell(f"rule {a.rule}, {a.items} items of {a.cells} cells", training, test)
if not a.shared:
    tell_circuit(make_circuit(network, training.best.weights, data))
else:
    # the weights of one cell are those of every cell: one cell is a network of its own
    cell: Network = layered([3, *hidden, 1])
    circuit = make_circuit(cell, training.best.weights, rule_table(a.rule), name=f"rule{a.rule}")
    tell_circuit(circuit)
    if circuit.verdict is not None and circuit.verdict.status == "equal":
        with tempfile.TemporaryDirectory() as folder:
            build = circuitc.compile(circuit.module, "verilog", out=a.out or Path(folder) / "build", prove=True)
            print(f"{build.main}: {build.certificate.evidence}")
