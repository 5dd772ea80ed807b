"""Writes tests/golden/fbank/fbank.safetensors: spectrograms as torchaudio and transformers compute them.

Every case is a signal, made from integers so that this script and tests/golden_audio.rs make
it to the bit alike, and some rows of its spectrogram: `hf-*` from transformers'
ASTFeatureExtractor (cut or padded, normalised), `kaldi-*` from torchaudio.compliance.kaldi.fbank
(neither), `kaldi64-*` from the latter in double precision. The rows are every `step`-th, and the last ones that hold sound and the first that
don't, since that is where an off-by-one would show. Metadata of the file: one JSON object per
case under the case's name.

Written with torch 2.15.0, torchaudio 2.11.0, transformers 5.24.0, numpy 2.4.6, safetensors 0.8.0.
Run from the repository's root: python tests/reference/fbank.py
"""

import json
import pathlib

import numpy as np
import torch

# torchaudio refuses to be imported beside a torch built for another CUDA version, though the
# filter bank is plain Python on the CPU.
torch.version.cuda = "13.0"
import torchaudio.compliance.kaldi as kaldi  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402
from transformers import ASTFeatureExtractor  # noqa: E402

OUT = pathlib.Path("tests/golden/fbank/fbank.safetensors")
MEAN, STD = -4.2677393, 4.5689974


def noise(count):
    """Uniform in [-1, 1): the upper 24 bits of splitmix64 of the sample's number."""
    z = (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32) / np.float32(1 << 23)


def sweep(count):
    """From 0 Hz to nearly Nyquist: a phase in 1/2^32 turns that grows by a growing step, and a
    polynomial for its sine, in an order of additions and multiplications that is fixed."""
    i = np.arange(count, dtype=np.uint64)
    rise = np.uint64((1 << 31) // count)
    phase = (i * i // np.uint64(2) * rise) & np.uint64(0xFFFFFFFF)
    x = phase.astype(np.float64) / float(1 << 31) - 1.0
    s = 4.0 * x * (1.0 - np.abs(x))
    return (s * (0.775 + 0.225 * np.abs(s))).astype(np.float32)


def soft_sweep(count):
    """Eighteen decibels softer, by a power of two so that no bit changes."""
    return sweep(count) * np.float32(0.125)


def silence(count):
    return np.zeros(count, dtype=np.float32)


SIGNALS = {"noise": noise, "sweep": sweep, "soft-sweep": soft_sweep, "silence": silence}


def rows(frames, max_frames, step):
    """Every step-th row, the last two with sound, and the first two of the padding."""
    heard = min(frames, max_frames)
    wanted = set(range(0, heard, step)) | {heard - 2, heard - 1, heard, heard + 1, max_frames - 1}
    return sorted(row for row in wanted if 0 <= row < max_frames)


def main():
    tensors, cases = {}, {}
    for rate in (16000, 44100):
        frame, shift = int(rate * 0.025), int(rate * 0.010)

        def window(frames):
            return frame + (frames - 1) * shift

        # name, signal, samples, max_frames, bins, step
        plan = [
            ("noise", "noise", window(1024), 1024, 128, 73),
            ("sweep", "soft-sweep", window(1024), 1024, 128, 73),
            ("silence", "silence", window(40), 64, 128, 16),
            ("one-frame", "noise", frame, 32, 128, 16),
            ("one-sample-short-of-two-frames", "noise", frame + shift - 1, 32, 128, 16),
            ("shorter", "noise", window(100) + 7, 256, 128, 23),
            ("longer", "noise", window(300) + 5, 200, 128, 29),
            ("longer-sweep", "soft-sweep", window(300) + 5, 200, 128, 29),
            ("bins-64", "noise", window(200), 200, 64, 29),
            ("bins-64-sweep", "soft-sweep", window(200), 200, 64, 29),
        ]
        for name, signal, samples, max_frames, bins, step in plan:
            waveform = SIGNALS[signal](samples)
            frames = 1 + (samples - frame) // shift
            case = dict(signal=signal, samples=samples, rate=rate, max_frames=max_frames, bins=bins)
            extractor = ASTFeatureExtractor(
                sampling_rate=rate, max_length=max_frames, num_mel_bins=bins, mean=MEAN, std=STD
            )
            values = extractor(waveform, sampling_rate=rate, return_tensors="np")["input_values"][0]
            assert values.shape == (max_frames, bins)
            chosen = rows(frames, max_frames, step)
            key = f"hf-{rate}-{name}"
            tensors[key] = np.ascontiguousarray(values[chosen], dtype=np.float32)
            cases[key] = json.dumps(dict(case, mean=MEAN, std=STD, rows=chosen))
        # Single precision is of no use as a reference for the loud sweep: see README.md.
        for signal, dtype, tag in (
            ("noise", torch.float32, "kaldi"),
            ("soft-sweep", torch.float32, "kaldi"),
            ("sweep", torch.float64, "kaldi64"),
        ):
            for bins in (64, 128):
                samples = window(60)
                raw = kaldi.fbank(
                    torch.from_numpy(SIGNALS[signal](samples)).to(dtype).unsqueeze(0),
                    sample_frequency=rate,
                    window_type="hanning",
                    num_mel_bins=bins,
                ).numpy()
                assert raw.shape == (60, bins)
                chosen = rows(60, 60, 13)
                key = f"{tag}-{rate}-{signal}-{bins}"
                tensors[key] = np.ascontiguousarray(raw[chosen], dtype=np.float32)
                # Mean 0 and std 1/2 leave the log energies as they are.
                cases[key] = json.dumps(
                    dict(signal=signal, samples=samples, rate=rate, max_frames=60, bins=bins,
                         mean=0.0, std=0.5, rows=chosen)
                )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, OUT, metadata=cases)
    print(f"{OUT}: {len(tensors)} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
