"""Learn two circuits in a few seconds: the 2-bit multiplier from its truth table, rule 30 from states of a ring."""

import numpy as np
from tasks import automaton, multiplier, rule_table

import circuitc
from circuitc.learn import Circuit, Settings, cellular, layered, make_circuit, ring, train


def tell(title: str, circuit: Circuit) -> None:
    """Print what holds on every machine; iterations and gates depend a little on the processor's arithmetic."""
    neurons = circuit.certified + circuit.data_only + circuit.exact
    print(f"{title}: {neurons} neurons, {100 * circuit.items:g} % of the rows right, "
          f"equality with the truth table: {circuit.evidence}")


data = multiplier(2)
training = train(layered([4, 4, 4, 4]), data, Settings(sigma=3, restarts=20))
circuit = make_circuit(training.network, training.best.weights, data, name="multiply")
tell("2-bit multiplier", circuit)
x = np.array([[-1, 1, 1, 1]])  # 1 x 3, highest bit first, as spins
print("1 x 3 =", int("".join("1" if bit > 0 else "0" for bit in circuitc.run(circuit.module, {"x": x})["y"][0]), 2))

# 16 states of 16 cells; the weights of one cell are shared by all, so that one cell is what is learned
hidden = [4, 3]
training = train(cellular(16, ring(16), hidden), automaton(30, 16, 16, seed=0), Settings(gap=0.1, restarts=20))
cell = make_circuit(layered([3, *hidden, 1]), training.best.weights, rule_table(30), name="rule30")
tell("rule 30", cell)
build = circuitc.compile(cell.module, "verilog", prove=True)
print(f"{build.main}: {build.certificate.evidence}")
