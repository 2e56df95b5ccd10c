"""Learn Conway's Life from random states of a small torus: one cell's network, shared by all cells, then proved."""

from tasks import arguments, ints, life, life_table, tell, tell_circuit

from circuitc.learn import Settings, cellular, layered, make_circuit, torus, train

a = arguments(height=5, width=5, items=48, tests=1000, hidden="8", sigma=97.0, gap=0.01, gamma=1e-3,
              iterations=20_000)
everything = life(a.height, a.width, a.items + a.tests, a.seed)
data, test = everything.take(slice(a.items)), everything.take(slice(a.items, None))
hidden = ints(a.hidden)
network = cellular(a.height * a.width, torus(a.height, a.width), hidden)
training = train(network, data, Settings(sigma=a.sigma, gamma=a.gamma, gap=a.gap, iterations=a.iterations,
                                         restarts=a.restarts, seed=a.seed, threads=a.threads, stop="right"), test=test)
tell(f"Life on {a.height}x{a.width}, {a.items} items", training, test)
circuit = make_circuit(layered([9, *hidden, 1]), training.best.weights, life_table(), name="life")
tell_circuit(circuit)
