"""Learn random AND/OR networks of three layers of 32 from few items, and see when unseen items are right too."""

from tasks import arguments, ints, logic_network, tell, tell_circuit

from circuitc.learn import Settings, layered, make_circuit, train

a = arguments(items="64,128,256", tests=4096, iterations=200_000, gap=0.05, gamma=1e-3)
for items in ints(a.items):
    everything = logic_network(32, 3, items + a.tests, a.seed)
    data, test = everything.take(slice(items)), everything.take(slice(items, None))
    training = train(layered([32, 32, 32, 32]), data, Settings(gamma=a.gamma, gap=a.gap, iterations=a.iterations,
                                                               restarts=a.restarts, seed=a.seed, threads=a.threads),
                     test=test)
    tell(f"AND/OR network, {items} items", training, test)
    circuit = make_circuit(training.network, training.best.weights, data)
    tell_circuit(circuit)
