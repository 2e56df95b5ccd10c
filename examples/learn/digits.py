"""Learn 8x8 digits (scikit-learn): analog pixels in training, their sign at inference, one of ten classes out."""

import numpy as np
from sklearn.datasets import load_digits
from tasks import arguments, ints, tell

from circuitc.learn import Dataset, Settings, layered, train

a = arguments(items="128,256,512", widths="64,64,10", sigma=5.0, gap=0.1, gamma=1e-3, iterations=100_000)
digits = load_digits()
order = np.random.default_rng(a.seed).permutation(len(digits.target))
pixels, labels = digits.data[order] / 16, digits.target[order]
whole = Dataset(2 * pixels - 1, np.where(np.arange(10) == labels[:, None], 1, -1).astype(np.int8), classes=10)
for items in ints(a.items):
    data, test = whole.take(slice(items)), whole.take(slice(-1000, None))
    training = train(layered(ints(a.widths)), data, Settings(sigma=a.sigma, gamma=a.gamma, gap=a.gap, seed=a.seed,
                                                             iterations=a.iterations, threads=a.threads), test=test)
    tell(f"digits, {items} items", training, test)
