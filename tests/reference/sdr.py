"""Writes tests/golden/sdr/sdr.json: signal to distortion ratios as museval computes them (BSSEval v4).

A case has a window and a hop in samples, the channels of every reference and every estimate, the
SDR of every target in every frame (null where museval says nan), and museval's median over the
frames (`numpy.nanmedian`; null if no frame has a value).

A channel is a recipe, so that a test can make the signal again to the bit: `length` samples, the
sum over `terms` [seed, gain] of noise(seed) * gain, in the order given, with zeros in every
`silent` range [from, to). Sample i of noise(seed) is uniform in [-1, 1): the upper 24 bits of
splitmix64 of (seed * 2^32 + i), as in tests/reference/fbank.py. Gains are powers of two and sums
are of two or three terms with few bits, so single precision holds them exactly.

What the cases pin down, since museval's papers don't say it:
- The last frame is dropped unless it is whole; a signal shorter than a frame is one frame.
- The 512-tap filters of BSSEval change ISR, SIR and SAR but not SDR, which is the energy of the
  reference over the energy of (estimate - reference), in dB, over all channels of the frame.
- A frame in which any reference or any estimate is silent has no value for any target, and a
  frame of a source counts as silent if its channels add up to nothing in every sample, so a
  stereo source in antiphase does too.
- Estimates are cut or padded with zeros to the length of the references.

Written with museval 0.4.1, numpy 2.4.6, scipy 1.17.1.
Run from the repository's root: python tests/reference/sdr.py
"""

import json
import pathlib

import museval
import numpy as np

OUT = pathlib.Path("tests/golden/sdr/sdr.json")
WINDOW = 3000


def noise(seed, count):
    z = np.uint64(seed << 32) + np.arange(count, dtype=np.uint64) + np.uint64(1)
    with np.errstate(over="ignore"):
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32) / np.float32(1 << 23)


def channel(length, *terms, silent=()):
    return {"length": length, "terms": [list(t) for t in terms], "silent": [list(s) for s in silent]}


def render(recipe):
    x = np.zeros(recipe["length"], np.float32)
    for seed, gain in recipe["terms"]:
        x = x + noise(seed, recipe["length"]) * np.float32(gain)
    for start, stop in recipe["silent"]:
        x[start:stop] = 0
    return x


def cases():
    """name -> (references, estimates), each a list of sources, each a list of channels."""
    n = 5 * WINDOW + 1234
    four = [[channel(n, (s, 1.0))] for s in (1, 2, 3, 4)]
    yield "mono-four-targets", four, [
        [channel(n, (1, 1.0), (2, 0.25))],
        [channel(n, (2, 0.5), (5, 0.125))],
        [channel(n, (3, 0.25), (1, 0.5), (4, 0.5))],
        [channel(n, (6, 0.5))],
    ]
    yield "stereo-two-targets", [
        [channel(n, (1, 1.0)), channel(n, (1, 0.5), (2, 0.25))],
        [channel(n, (3, 0.25)), channel(n, (4, 1.0))],
    ], [
        [channel(n, (1, 0.5), (3, 0.125)), channel(n, (1, 0.5))],
        [channel(n, (3, 0.25), (1, 0.0625)), channel(n, (4, 0.5), (2, 0.5))],
    ]
    # Frame 1 of the first reference and frame 3 of the second estimate are silent; frame 2 is silent in half.
    yield "silent-frames", [
        [channel(n, (1, 1.0), silent=[(WINDOW, 2 * WINDOW)])],
        [channel(n, (2, 1.0), silent=[(2 * WINDOW, 2 * WINDOW + 1500)])],
    ], [
        [channel(n, (1, 1.0), (2, 0.25))],
        [channel(n, (2, 0.5), silent=[(3 * WINDOW, 4 * WINDOW)])],
    ]
    # An even number of frames with values: the median is the mean of the two in the middle.
    even = 4 * WINDOW
    yield "even-frames", [[channel(even, (1, 1.0), silent=[(500, 2500), (3100, 3300)])]], [
        [channel(even, (1, 1.0), (7, 0.25))]
    ]
    # In the second frame only one channel sounds, so only the first counts as silent.
    one = [(WINDOW, 2 * WINDOW)]
    yield "antiphase-is-silent", [
        [channel(2 * WINDOW, (1, 1.0)), channel(2 * WINDOW, (1, -1.0), silent=one)],
        [channel(2 * WINDOW, (2, 1.0)), channel(2 * WINDOW, (3, 1.0))],
    ], [
        [channel(2 * WINDOW, (1, 0.5)), channel(2 * WINDOW, (1, 0.25))],
        [channel(2 * WINDOW, (2, 0.5)), channel(2 * WINDOW, (3, 0.5))],
    ]
    yield "shorter-than-a-frame", [[channel(2000, (1, 1.0))], [channel(2000, (2, 1.0))]], [
        [channel(2000, (1, 0.5))],
        [channel(2000, (2, 1.0), (1, 0.5))],
    ]
    yield "estimate-too-short", [[channel(n, (1, 1.0))], [channel(n, (2, 1.0))]], [
        [channel(n - WINDOW, (1, 0.5))],
        [channel(n - WINDOW, (2, 0.5), (3, 0.25))],
    ]
    yield "estimate-too-long", [[channel(2 * WINDOW, (1, 1.0))]], [[channel(3 * WINDOW, (1, 0.5), (2, 0.5))]]
    yield "always-silent-somewhere", [
        [channel(2 * WINDOW, (1, 1.0), silent=[(0, WINDOW)])],
        [channel(2 * WINDOW, (2, 1.0), silent=[(WINDOW, 2 * WINDOW)])],
    ], [
        [channel(2 * WINDOW, (1, 0.5))],
        [channel(2 * WINDOW, (2, 0.5))],
    ]


def number(x):
    return None if np.isnan(x) else float(x)


def main():
    out = []
    for name, references, estimates in cases():
        # museval wants [sources, samples, channels].
        ref = np.array([np.stack([render(c) for c in s], 1) for s in references], np.float64)
        est = np.array([np.stack([render(c) for c in s], 1) for s in estimates], np.float64)
        for hop in (WINDOW, WINDOW // 2) if name == "mono-four-targets" else (WINDOW,):
            sdr = museval.evaluate(ref, est, win=WINDOW, hop=hop)[0]
            medians = [np.nanmedian(row) if not np.isnan(row).all() else np.nan for row in sdr]
            out.append({
                "name": name if hop == WINDOW else f"{name}-overlapping",
                "window": WINDOW, "hop": hop, "references": references, "estimates": estimates,
                "sdr": [[number(v) for v in row] for row in sdr], "median": [number(v) for v in medians],
            })
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(c) for c in out) + "\n]\n")


if __name__ == "__main__":
    main()
