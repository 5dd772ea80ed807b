"""Writes tests/golden/lime/*.json: what the `lime` package makes of seeded masks and scores.

Run from the repository's root: `python tests/reference/lime_surrogate.py`.
Versions used: Python 3, lime 0.2.0.1, scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6.

Each file holds one set of masks (a row of hexadecimal digits each, the first feature in the
highest bit, filled up with zeros at the end), its scores, and cases: a preset, a feature
selection and a number of features with what `LimeBase.explain_instance_with_data` returns.

- Preset `lime` is the released package: cosine distances times 100, `highest_weights` with a
  ridge penalty of 0.01.
- Preset `paper` is the paper's notebooks: plain cosine distances, and a copy of LimeBase whose
  `highest_weights` has a penalty of 0; here a subclass swaps the penalty.

Some answers of the reference hang on rounding noise alone: which of two equal columns comes
first, or what a Cholesky factorisation without a penalty makes of dependent columns or of one
whose mean is off 1 by rounding. They are found by asking again, with the same data in other
orders of the rows and with fits without penalty replaced by NumPy's least-norm least squares;
where the answers disagree by more than 1e-8 the case is kept with `"determined": false` and
without an answer. Numbers are written with 12 significant digits, scores (before they are used) with 7.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import sklearn.metrics
from lime import lime_base
from lime.lime_base import LimeBase

warnings.filterwarnings("ignore")
OUT = Path(__file__).resolve().parent.parent / "golden" / "lime"
SELECTIONS = ["auto", "highest_weights", "forward_selection", "lasso_path", "none"]


class LeastNorm:
    """`Ridge(alpha=0)` without its rounding noise: dependent columns share, constant ones get 0."""

    def fit(self, data, labels, sample_weight):
        self.means = np.average(data, axis=0, weights=sample_weight)
        self.mean = np.average(labels, weights=sample_weight)
        centred = np.where(np.ptp(data, axis=0) > 0, data - self.means, 0)
        root = np.sqrt(sample_weight)
        self.coef_ = np.linalg.lstsq(centred * root[:, None], (labels - self.mean) * root, rcond=1e-10)[0]
        return self

    def score(self, data, labels, sample_weight):
        fitted = self.mean + (data - self.means) @ self.coef_
        return sklearn.metrics.r2_score(labels, fitted, sample_weight=sample_weight)


class Base(LimeBase):
    """LimeBase whose `highest_weights` chooses by a fit with penalty `alpha`: 0.01 is the
    released package, 0 the notebooks. `exact` fits without a penalty by least norm."""

    def __init__(self, alpha, exact):
        super().__init__(kernel, random_state=0)
        self.alpha, self.exact = alpha, exact

    def feature_selection(self, data, labels, weights, num_features, method):
        released = lime_base.Ridge

        def ridge(alpha, **kwargs):
            alpha = self.alpha if alpha == 0.01 else alpha
            return LeastNorm() if self.exact and alpha == 0 else released(alpha=alpha, **kwargs)

        lime_base.Ridge = ridge
        try:
            return super().feature_selection(data, labels, weights, num_features, method)
        finally:
            lime_base.Ridge = released


def short(number, digits=12):
    return float(f"{number:.{digits}g}")


def kernel(distances, width=25):
    return np.sqrt(np.exp(-(distances**2) / width**2))


def ask(data, scores, preset, selection, count, exact=False):
    scale, alpha = (100, 0.01) if preset == "lime" else (1, 0)
    distances = sklearn.metrics.pairwise_distances(data, data[:1], metric="cosine").ravel() * scale
    intercept, weights, score, local = Base(alpha, exact).explain_instance_with_data(
        data, scores[:, None], distances, 0, count, feature_selection=selection
    )
    return {
        "intercept": short(intercept),
        "score": short(score),
        "local_prediction": short(local[0]),
        "weights": [[int(feature), short(weight)] for feature, weight in weights],
    }


def same(one, other):
    a, b = dict(map(tuple, one["weights"])), dict(map(tuple, other["weights"]))
    if a.keys() != b.keys():
        return False
    pairs = [(a[k], b[k]) for k in a] + [(one[k], other[k]) for k in ("intercept", "score", "local_prediction")]
    return all(abs(x - y) <= 1e-8 for x, y in pairs)


def case(data, scores, preset, selection, count):
    answer = ask(data, scores, preset, selection, count)
    determined = same(answer, ask(data, scores, preset, selection, count, exact=True))
    for seed in range(3):
        rows = np.r_[0, 1 + np.random.default_rng(seed).permutation(len(data) - 1)]
        determined &= same(answer, ask(data[rows], scores[rows], preset, selection, count))
    head = {"preset": preset, "selection": selection, "num_features": count, "determined": determined}
    return head | (answer if determined else {})


def coins(rng, rows, features):
    data = (rng.random((rows, features)) < 0.5).astype(float)
    data[0] = 1
    return data


def lime_text(rng, rows, features):
    data = np.ones((rows, features))
    for row in data[1:]:
        row[rng.choice(features, rng.integers(1, features + 1), replace=False)] = 0
    return data


def scored(rng, data, noise=0.05, pairs=5):
    """Probabilities of a logistic model with interactions, about as smooth as a classifier."""
    features = data.shape[1]
    logits = data @ (rng.normal(size=features) * rng.random(features) ** 2) * 4 / np.sqrt(features)
    for _ in range(pairs):
        i, j = rng.choice(features, 2, replace=False)
        logits += rng.normal() * data[:, i] * data[:, j]
    logits += noise * rng.normal(size=len(data))
    return 1 / (1 + np.exp(-(logits - logits.mean())))


def hexed(row):
    bits = "".join(str(int(value)) for value in row)
    bits += "0" * (-len(bits) % 4)
    return "".join(f"{int(bits[i:i + 4], 2):x}" for i in range(0, len(bits), 4))


def write(name, data, scores, counts, selections=SELECTIONS, presets=("paper", "lime")):
    features = data.shape[1]
    scores = np.array([short(score, 7) for score in scores])
    cases = []
    for preset in presets:
        for selection in selections:
            for count in [min(c, features) for c in counts] if selection != "none" else [features]:
                found = case(data, scores, preset, selection, count)
                if found not in cases:
                    cases.append(found)
    undetermined = [f"{c['preset']}/{c['selection']}/{c['num_features']}" for c in cases if not c["determined"]]
    print(f"{name}: {data.shape}, {len(cases)} cases, undetermined: {undetermined}", file=sys.stderr)
    content = {
        "features": features,
        "masks": [hexed(row) for row in data],
        "scores": scores.tolist(),
        "cases": cases,
    }
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


def main():
    rng = np.random.default_rng(2024)
    counts = [1, 3, 6, 7, 10]

    data = coins(rng, 500, 40)
    write("coins", data, scored(rng, data), counts + [40])

    data = lime_text(rng, 400, 60)
    write("lime_text", data, scored(rng, data), counts + [60])

    data = coins(rng, 1000, 140)
    write("song", data, scored(rng, data), [6, 10], ["auto", "lasso_path", "none"])

    # Every row several times, with one score each as a deterministic model gives them.
    data = coins(rng, 60, 12)
    data = np.vstack([data, data[rng.integers(1, 60, 140)]])
    unique, inverse = np.unique(data, axis=0, return_inverse=True)
    write("repeated_rows", data, scored(rng, unique)[inverse.ravel()], counts + [12])

    # Rows with everything off, which have no direction.
    data = lime_text(rng, 150, 10)
    data[[5, 50, 100]] = 0
    write("zero_rows", data, scored(rng, data), counts)

    # Columns 3 and 8 are copies, 12 is the opposite of 1, 5 and 9 are always on.
    data = coins(rng, 200, 16)
    data[:, 8] = data[:, 3]
    data[1:, 12] = 1 - data[1:, 1]
    data[:, [5, 9]] = 1
    write("dependent_columns", data, scored(rng, data), counts + [16])

    # Constant columns alone: always on, and (the instance too) always off.
    data = coins(rng, 120, 14)
    data[:, 4] = 1
    data[:, 11] = 0
    write("constant_columns", data, scored(rng, data), counts + [14])

    # Fewer rows than features.
    data = coins(rng, 50, 80)
    write("wide", data, scored(rng, data), counts + [80])

    # An instance with some features off: lime multiplies by row 0's values.
    data = coins(rng, 100, 15)
    data[0] = [1, 0, 1, 1, 0] * 3
    write("partial_instance", data, scored(rng, data), counts)

    # Nothing to explain, and next to nothing (below where the lasso's path ends).
    data = coins(rng, 60, 10)
    write("constant_scores", data, np.full(60, 0.25), [3, 7, 10])
    data = coins(rng, 80, 12)
    write("tiny_scores", data, scored(rng, data) * 1e-7, [3, 7, 12])


if __name__ == "__main__":
    main()
