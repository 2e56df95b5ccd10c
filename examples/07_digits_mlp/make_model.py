"""Train 64-32-10 on scikit-learn's digits and write digits.npz: weights, test images, calibration images.

Needs scikit-learn (`pip install scikit-learn`); run.py does not. The digits are the test part of "Optical Recognition
of Handwritten Digits" (E. Alpaydin, C. Kaynak; UCI Machine Learning Repository, CC BY 4.0).
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

images, labels = load_digits(return_X_y=True)
train, test, train_labels, test_labels = train_test_split(
    images, labels, test_size=0.3, random_state=0, stratify=labels)
net = MLPClassifier((32,), max_iter=400, alpha=1.0, random_state=0).fit(train / 16, train_labels)
weights = {f"{kind}{k}": np.float32(array.T) for kind, arrays in (("w", net.coefs_), ("b", net.intercepts_))
           for k, array in enumerate(arrays, 1)}
np.savez_compressed(Path(__file__).with_name("digits.npz"), **weights, test=test.astype(np.uint8),
                    test_labels=test_labels.astype(np.uint8), calibration=train[:400].astype(np.uint8),
                    calibration_labels=train_labels[:400].astype(np.uint8))
print(f"accuracy on the test images: {net.score(test / 16, test_labels):.4f}")
