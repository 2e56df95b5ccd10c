"""Learn a multiplier's truth table: --bits 2 (4-4-4-4), or --bits 3 --widths 6,12,12,12,6 as a stretch."""

from tasks import arguments, ints, multiplier, tell, tell_circuit

from circuitc.learn import Settings, layered, make_circuit, train

a = arguments(bits=2, widths="4,4,4,4", sigma=3.0, gamma=1e-3, iterations=100_000, gap=0.05, beta=0.2, report=1000)
data = multiplier(a.bits)
training = train(layered(ints(a.widths)), data, Settings(
    sigma=a.sigma, beta=a.beta, gamma=a.gamma, gap=a.gap, iterations=a.iterations, restarts=a.restarts, all_runs=True,
    seed=a.seed, threads=a.threads, report=a.report))
tell(f"{a.bits}-bit multiplier {a.widths} sigma {a.sigma:g}", training)
tell_circuit(make_circuit(training.network, training.best.weights, data))
