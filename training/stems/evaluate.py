"""Figures of a trained separator on held-out songs, beside the untouched mix and, if given, Spleeter's estimates.

    python training/stems/evaluate.py SEPARATOR SONGS [--spleeter FOLDER] [--iterations 1] [--wav OUT]

SONGS is what `render.py --wav` wrote, FOLDER what tests/reference/spleeter.py wrote. Prints each
target's SDR (museval's definition: frames of a second, median over frames) per song and the median
over songs as JSON. The network runs through the openunmix package, Wiener filter included; Spleeter
knows vocals only, so its accompaniment is held against the sum of the other three.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import soundfile
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import torch_quirk  # noqa: E402, F401  (before torchaudio, which openunmix imports)
from openunmix.utils import load_separator  # noqa: E402

RATE = 44_100
TARGETS = ("vocals", "drums", "bass", "other")


def sdr(references: np.ndarray, estimates: np.ndarray) -> list[float]:
    """[sources, samples] each; the median over whole seconds in which no source is silent."""
    frames = []
    for a in range(0, references.shape[1] - RATE + 1, RATE):
        r, e = references[:, a : a + RATE], estimates[:, a : a + RATE]
        if (np.abs(r).sum(1) == 0).any() or (np.abs(e).sum(1) == 0).any():
            continue
        frames.append(10 * np.log10((r**2).sum(1) / (((e - r) ** 2).sum(1) + 1e-20)))
    return [float(x) for x in np.median(frames, 0)] if frames else [float("nan")] * len(references)


def separate(separator, mono: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return separator(torch.from_numpy(mono.astype(np.float32))[None, None])[0, :, 0].numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("separator", type=Path)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--spleeter", type=Path)
    parser.add_argument("--iterations", type=int, default=1)
    parser.add_argument("--wav", type=Path)
    a = parser.parse_args()
    torch.set_num_threads(1)
    separator = load_separator(str(a.separator), targets=list(TARGETS), niter=a.iterations)
    separator.eval()
    rows = {}
    for folder in sorted(p.parent for p in a.songs.glob("*/mixture.wav")):
        mix, _ = soundfile.read(folder / "mixture.wav")
        truth = np.stack([soundfile.read(folder / f"{t}.wav")[0] for t in TARGETS])
        ours = separate(separator, mix)
        row = {"mix": sdr(truth, np.stack([mix] * 4)), "ours": sdr(truth, ours)}
        if a.spleeter:
            theirs = np.stack([soundfile.read(a.spleeter / folder.name / f"{t}.wav")[0] for t in ("vocals", "accompaniment")])
            pair = np.stack([truth[0], truth[1:].sum(0)])
            row["spleeter, vocals and accompaniment"] = sdr(pair, theirs)
            row["ours, vocals and accompaniment"] = sdr(pair, np.stack([ours[0], ours[1:].sum(0)]))
        rows[folder.name] = row
        if a.wav:
            (a.wav / folder.name).mkdir(parents=True, exist_ok=True)
            for t, x in zip(TARGETS, ours):
                soundfile.write(a.wav / folder.name / f"{t}.wav", np.clip(x, -1, 1), RATE, subtype="PCM_16")
    kinds = list(next(iter(rows.values())))
    median = {k: [round(float(x), 2) for x in np.nanmedian([r[k] for r in rows.values()], 0)] for k in kinds}
    print(json.dumps({"targets": TARGETS, "median over songs": median,
                      "songs": {n: {k: [round(x, 2) for x in v] for k, v in r.items()} for n, r in rows.items()}}, indent=1))


if __name__ == "__main__":
    main()
