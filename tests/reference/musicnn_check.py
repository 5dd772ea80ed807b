"""Holds training/musicnn.py, the demo model's audio teacher, against the musicnn package itself under TensorFlow.

    python3 -m venv tf && tf/bin/pip install tensorflow-cpu==2.15.1 && tf/bin/pip install --no-deps musicnn==0.1.0
    tf/bin/python tests/reference/musicnn_check.py tensorflow PATCHES.npz
    training/work/venv/bin/python tests/reference/musicnn_check.py torch PATCHES.npz WHEELS/musicnn

The first command makes random patches of the range that log mel energies have and stores the package's logits of them, the
second computes them again in PyTorch and prints the largest difference. Two commands, since the two environments exclude each other.
"""

import sys
from pathlib import Path

import numpy as np


def package(out: Path):
    import importlib.util
    import types

    import tensorflow as tf

    # The package imports librosa at its top, which is not needed here, so its two modules are loaded by themselves.
    folder = Path(next(iter(importlib.util.find_spec("musicnn").submodule_search_locations)))
    musicnn = types.ModuleType("musicnn")
    musicnn.__path__ = [str(folder)]
    sys.modules["musicnn"] = musicnn
    from musicnn import configuration, models

    musicnn.configuration = configuration
    patches = np.random.default_rng(3).gamma(1.0, 1.0, (6, 187, 96)).astype(np.float32)
    # Something that looks like music: a few steady bands and beats over noise.
    patches[1:, :, 20:24] += 2
    patches[2:, ::23] += 1.5
    stored = {"patches": patches}
    for name in ("MTT_musicnn", "MSD_musicnn"):
        tf.compat.v1.reset_default_graph()
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            with tf.name_scope("model"):
                x = tf.compat.v1.placeholder(tf.float32, [None, 187, 96])
                logits = models.define_model(x, False, name, 50)[0]
            tf.compat.v1.train.Saver().restore(session, str(folder / name) + "/")
            stored[name] = session.run(logits, {x: patches})
    np.savez(out, **stored)


def ours(path: Path, weights: Path):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))
    import musicnn
    import torch

    stored = np.load(path)
    for name, tagger in musicnn.taggers(weights).items():
        found = tagger(torch.from_numpy(stored["patches"])).numpy()
        theirs = stored[f"{name}_musicnn"]
        print(f"{name}: largest difference {np.abs(found - theirs).max():.1e} of logits from {theirs.min():.1f} to {theirs.max():.1f}")
        assert np.abs(found - theirs).max() < 1e-3


if __name__ == "__main__":
    if sys.argv[1] == "tensorflow":
        package(Path(sys.argv[2]))
    else:
        ours(Path(sys.argv[2]), Path(sys.argv[3]))
