"""Writes a checkpoint as training scripts leave it, made of a golden one.

    python tests/reference/wrapped.py

reads `tests/golden/convert/lyrics.transformers5.pth` (written by models.py) and writes `lyrics.training.pth` beside
it: the same state dict with data-parallel training's `module.` before each name, under the key `state_dict`, among
an optimizer's state, the epoch and the arguments of the script. Made with torch 2.15.0, Python 3.11.
"""

import argparse
import pathlib

import torch

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "convert"


def main():
    weights = torch.load(GOLDEN / "lyrics.transformers5.pth", weights_only=True)
    moment = torch.zeros(18)
    torch.save(
        {
            "epoch": 3,
            "args": argparse.Namespace(lr=1e-5),
            "state_dict": {f"module.{name}": value for name, value in weights.items()},
            "optimizer": {"state": {0: {"step": 7, "exp_avg": moment, "exp_avg_sq": moment.clone()}}},
        },
        GOLDEN / "lyrics.training.pth",
    )


if __name__ == "__main__":
    main()
