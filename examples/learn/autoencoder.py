"""Learn binary autoencoders: 2^n random words through n neurons (16-4-16-16 for --bits 4)."""

from tasks import arguments, autoencoder, tell, tell_circuit

from circuitc.learn import Settings, layered, make_circuit, train

a = arguments(bits=3, iterations=300_000, gap=0.05, gamma=1e-4, beta=0.2)
data, size = autoencoder(a.bits, a.seed), 1 << a.bits
widths = [size, a.bits, size, size]
training = train(layered(widths), data, Settings(
    beta=a.beta, gamma=a.gamma, gap=a.gap, iterations=a.iterations, restarts=a.restarts, all_runs=True, seed=a.seed,
    threads=a.threads))
tell(f"autoencoder {'-'.join(map(str, widths))}", training)
tell_circuit(make_circuit(training.network, training.best.weights, data))
