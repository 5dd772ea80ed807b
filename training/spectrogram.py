"""What the AST hears, and what it is shown in training: log mel spectrograms, whole and in pieces."""

from dataclasses import dataclass
from pathlib import Path

import musicnn
import numpy as np
import torch
import torch_quirk  # noqa: F401  (before torchaudio)
import torchaudio.compliance.kaldi as kaldi

RATE, FRAMES, BINS = 16_000, 1024, 64
# Kaldi floors energies at f32 epsilon; this is what digital silence looks like.
FLOOR = float(np.log(np.finfo(np.float32).eps))
SEGMENTS = 10
WINDOW_SECONDS = 10.24
# A quarter of a window: the taggers hear three seconds, and a closer look would cost more than it tells.
PATCH_SECONDS = 2.56
# Mel bins below about 250 Hz (64 bins from 20 Hz to 8 kHz).
BASS_BINS = 7


def fbank(samples: np.ndarray) -> np.ndarray:
    """Log mel energies [frames, bins], exactly as transformers' ASTFeatureExtractor calls torchaudio."""
    waveform = torch.from_numpy(np.ascontiguousarray(samples, np.float32))[None]
    return kaldi.fbank(waveform, sample_frequency=RATE, window_type="hanning", num_mel_bins=BINS).numpy()


def percussive_share(mel: np.ndarray) -> np.ndarray:
    """Per cell the share of the energy that median filters call percussive, in [0, 1]."""
    from scipy.ndimage import median_filter

    magnitude = np.exp(0.5 * mel)
    harmonic = median_filter(magnitude, size=(31, 1)) ** 2
    percussive = median_filter(magnitude, size=(1, 11)) ** 2
    return percussive / (harmonic + percussive + 1e-12)


@dataclass(frozen=True)
class Heard:
    """A stretch of a track: log mel energies [frames, 64], percussive shares, and the taggers' logits [patches, 100] of every `PATCH_SECONDS`."""

    mel: np.ndarray
    drums: np.ndarray
    tags: np.ndarray

    def tags_at(self, start: int) -> np.ndarray:
        """The taggers' logits [SEGMENTS, 100] of the window from frame `start` on."""
        middle = start / 100 + (np.arange(SEGMENTS) + 0.5) * WINDOW_SECONDS / SEGMENTS
        return self.tags[np.clip((middle / PATCH_SECONDS).astype(int), 0, len(self.tags) - 1)]


def prepare(samples: np.ndarray, taggers, cache: Path) -> Heard:
    """What is needed of 16 kHz samples in training, computed once and kept in `cache`."""
    if not cache.exists():
        mel = fbank(samples)
        frames = musicnn.log_mel(samples)
        hop = RATE / musicnn.HOP * PATCH_SECONDS
        # A patch is three seconds around the middle of its stretch, moved inward at the ends.
        n = max(1, int(len(samples) / RATE / PATCH_SECONDS))
        starts = [int(np.clip((i + 0.5) * hop - musicnn.PATCH / 2, 0, max(0, len(frames) - musicnn.PATCH))) for i in range(n)]
        patches = torch.stack([frames[s : s + musicnn.PATCH] for s in starts])
        tags = torch.cat([torch.cat([t(p) for p in patches.split(4)]) for t in taggers.values()], 1).numpy()
        cache.parent.mkdir(parents=True, exist_ok=True)
        part = cache.with_suffix(".part.npz")
        np.savez(part, mel=mel.astype(np.float16), drums=(percussive_share(mel) * 255).round().astype(np.uint8), tags=tags)
        part.rename(cache)
    with np.load(cache) as stored:
        return Heard(stored["mel"], stored["drums"], stored["tags"])


def to_model(mel: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Cut or padded with zeros to the model's frames, then normalised: the feature extractor's order."""
    mel = mel[:FRAMES].astype(np.float32)
    mel = np.pad(mel, ((0, FRAMES - len(mel)), (0, 0)))
    return (mel - mean) / (2 * std)


def window(mel: np.ndarray, start: int) -> np.ndarray:
    """10.24 s from frame `start` on: the last two frames are padding, since 10.24 s have 1,022 whole frames."""
    return mel[start : start + FRAMES - 2]


def random_view(rng: np.random.Generator, heard: Heard) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random window as an explainer may show it: log mel energies, the taggers' logits [SEGMENTS, 100], and how much is left of each segment.

    Random windows, loudness, colour and noise floor make an album's mastering a poorer hint.
    Then cells of segment x stem fall silent, by masks in the mel domain that roughly do what a
    separator does: percussion, a low band, and two parts of the rest.
    """
    start = int(rng.integers(max(1, len(heard.mel) - FRAMES)))
    x = window(heard.mel, start).astype(np.float32)
    d = window(heard.drums, start).astype(np.float32) / 255
    tags = heard.tags_at(start)
    if rng.random() < 0.04:
        return np.full_like(x, FLOOR), tags, np.zeros(SEGMENTS)
    left = np.ones(SEGMENTS)
    if rng.random() < 0.1:
        # A file shorter than the window; what follows is padding, which is not a perturbation but all there is.
        n = int(rng.integers(150, len(x) + 1)) if len(x) > 150 else len(x)
        tags = tags[np.minimum(np.arange(SEGMENTS), n * SEGMENTS // (FRAMES - 2) - 1).clip(0)]
        x, d = x[:n], d[:n]

    # About +-6 dB of loudness and a gentle random colour; log energies, so 1 dB is 0.23.
    knots = rng.normal(0, 0.5, 5)
    colour = np.interp(np.linspace(0, 4, BINS), np.arange(5), knots)
    x = x + rng.uniform(-1.6, 1.6) + colour
    if rng.random() < 0.3:
        # The upper end of a codec's or a resampler's band.
        x[:, int(rng.integers(BINS - 14, BINS)) :] = FLOOR
    if rng.random() < 0.3:
        x = np.logaddexp(x, rng.uniform(-14, -7))

    if rng.random() < 0.6:
        rate = rng.choice([0.5, rng.random()])
        on = rng.random((SEGMENTS, 4)) < rate
        if rng.random() < 0.3:
            on = np.repeat(on[:, :1], 4, axis=1)
        if rng.random() < 0.15:
            on = np.repeat(on[:1], SEGMENTS, axis=0)
        bass = np.zeros(BINS, np.float32)
        bass[:BASS_BINS] = 1
        voice = np.interp(np.arange(BINS), [8, 14, 46, 58], [0.05, 0.9, 0.9, 0.05]) * rng.uniform(0.3, 0.9)
        share = np.stack([(1 - d) * (1 - bass) * voice, d * (1 - 0.5 * bass), (1 - d * (1 - 0.5 * bass)) * bass, (1 - d) * (1 - bass) * (1 - voice)], -1)
        segment = np.minimum(np.arange(len(x)) * SEGMENTS // (FRAMES - 2), SEGMENTS - 1)
        # Separators leak: a stem that is off still leaves up to -20 dB where others play.
        leak = 10 ** rng.uniform(-4, -2)
        kept = (share * on[segment][:, None, :]).sum(-1)
        kept = np.where(on[segment].any(1)[:, None], np.maximum(kept, leak), kept)
        left = on.mean(1)
        x = np.where(kept > 0, x + np.log(np.maximum(kept, 1e-8)), FLOOR)
    return np.maximum(x, FLOOR).astype(np.float32), tags, left
