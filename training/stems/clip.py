"""Judges vocals estimates on a real recording without true stems, with Spleeter's estimate in the truth's place.

    python training/stems/clip.py SEPARATOR SPLEETER_FOLDER AUDIO [--picture FILE.png]

Prints: the SDR of our vocals, and of the untouched mix, against Spleeter's vocals; by how much the
voice gains on the music (in time-frequency cells that Spleeter gives to one by nine tenths, the
mean energy kept of the voice's over that kept of the music's); and the energy of our vocals where
Spleeter hears none, in dB of the mix. The picture shows mix, our vocals and Spleeter's, 0 to 6 kHz.
"""

import argparse
import json
from pathlib import Path

import evaluate
import material
import mixing
import numpy as np
import soundfile
import torch

RATE = 44_100


def decibel(x: float) -> float:
    return round(float(10 * np.log10(x + 1e-20)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("separator", type=Path)
    parser.add_argument("spleeter", type=Path)
    parser.add_argument("audio", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--wav", type=Path)
    a = parser.parse_args()
    torch.set_num_threads(1)
    mix = material.decode(str(a.audio))
    separator = evaluate.load_separator(str(a.separator), targets=list(evaluate.TARGETS), niter=1).eval()
    stems = evaluate.separate(separator, mix)
    reference, accompaniment = (soundfile.read(a.spleeter / f"{t}.wav")[0].astype(np.float32) for t in ("vocals", "accompaniment"))
    n = min(len(mix), len(reference))
    mix, vocals, reference, accompaniment = mix[:n], stems[0, :n], reference[:n], accompaniment[:n]

    def spec(x):
        return mixing.spectrogram(torch.from_numpy(np.ascontiguousarray(x, np.float32))).abs().numpy()

    m, v, r, o = (spec(x) for x in (mix, vocals, reference, accompaniment))
    share = r**2 / (r**2 + o**2 + 1e-9)
    heard = m**2 > 1e-3
    voice, music = (share > 0.9) & heard, (share < 0.1) & heard
    kept_voice = (v[voice] ** 2).sum() / (m[voice] ** 2).sum()
    kept_music = (v[music] ** 2).sum() / (m[music] ** 2).sum()
    active = r.sum(0) > 0.05 * r.sum(0).max()
    pairs = np.stack([reference, accompaniment])
    figures = {
        "SDR of our vocals and rest against Spleeter's": [round(x, 2) for x in evaluate.sdr(pairs, np.stack([vocals, stems[1:, :n].sum(0)]))],
        "SDR of the mix against Spleeter's": [round(x, 2) for x in evaluate.sdr(pairs, np.stack([mix, mix]))],
        "voice kept, dB": decibel(kept_voice), "music kept, dB": decibel(kept_music), "voice over music gained, dB": decibel(kept_voice / kept_music),
        "our vocals over the mix where Spleeter hears a voice, dB": decibel((v[:, active] ** 2).sum() / (m[:, active] ** 2).sum()),
        "and where it hears none, dB": decibel((v[:, ~active] ** 2).sum() / (m[:, ~active] ** 2).sum()),
        "Spleeter's vocals over the mix, same places, dB": [decibel((r[:, x] ** 2).sum() / (m[:, x] ** 2).sum()) for x in (active, ~active)],
        "share of energy per stem": [round(float((s**2).sum() / (stems**2).sum()), 3) for s in stems],
    }
    print(json.dumps(figures, indent=1))
    if a.picture:
        from PIL import Image

        rows = [np.clip((20 * np.log10(x[:560] + 1e-4) + 20) / 70, 0, 1)[::-1] for x in (m, v, r)]
        Image.fromarray((255 * np.vstack(rows)).astype(np.uint8)).resize((1400, 1400)).save(a.picture)
    if a.wav:
        a.wav.mkdir(parents=True, exist_ok=True)
        for t, x in zip(evaluate.TARGETS, stems):
            soundfile.write(a.wav / f"{t}.wav", np.clip(x, -1, 1), RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
