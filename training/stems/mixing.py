"""What the networks are shown: random mixes of rendered stems, and of singing with real music.

All is linear, so gains, tone and a codec's upper edge are applied to the spectrograms of the stems,
and the mix is their sum. Real music without vocals is of use to the vocals network only, since its
other stems aren't known: those mixes come last in a batch.
"""

from pathlib import Path

import material
import numpy as np
import torch
from material import RATE

TARGETS = ("vocals", "drums", "bass", "other")
N_FFT, HOP, BINS = 4096, 1024, 2049
# A second and a half: on the CPU, activations that stay in its cache are worth more steps than a longer view.
FRAMES = 64
SAMPLES = HOP * (FRAMES - 1)
# How often a stem is silent: networks must also learn to hear that nothing is there.
SILENT = (0.15, 0.12, 0.12, 0.1)
WINDOW = torch.hann_window(N_FFT)


def spectrogram(x: torch.Tensor) -> torch.Tensor:
    """Complex [..., bins, frames], as the package's filter bank makes it."""
    shape = x.shape[:-1]
    s = torch.stft(x.reshape(-1, x.shape[-1]), N_FFT, HOP, window=WINDOW, center=True, pad_mode="reflect", return_complex=True)
    return s.reshape(*shape, *s.shape[1:])


def real_music(work: Path, held_out: bool) -> list[np.ndarray]:
    """A minute of every track of ../sources.py that is on this side of the split."""
    folder = work / ("music-held-out" if held_out else "music")
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for i, track in enumerate(material.load(work / "unpacked", held_out).music):
        path = folder / f"{i:03d}.npy"
        if not path.exists():
            # From half a minute in, if there is as much; a track kept in two files is their sum.
            parts = [material.decode(f, 30, 60) for f in track.files]
            if min(map(len, parts)) < 20 * RATE:
                parts = [material.decode(f, 0, 60) for f in track.files]
            n = min(map(len, parts))
            x = np.sum([p[:n] for p in parts], 0)
            np.save(path, np.round(np.clip(x / max(1.0, np.abs(x).max(initial=0)), -1, 1) * 32767).astype(np.int16))
        x = np.load(path, mmap_mode="r")
        if len(x) > 2 * SAMPLES:
            found.append(x)
    return found


class Pool:
    """The songs rendered so far; `refresh` finds those that came since."""

    def __init__(self, folder: Path):
        self.folder, self.songs = folder, {}
        self.refresh()

    def refresh(self) -> None:
        for path in sorted(self.folder.glob("[0-9]*.npy")):
            if path.name not in self.songs and ".part" not in path.name:
                self.songs[path.name] = np.load(path, mmap_mode="r")

    def cut(self, rng: np.random.Generator) -> np.ndarray:
        """All stems of a random stretch, played up to three semitones faster or slower: other pitches, voices and drums."""
        songs = list(self.songs.values())
        song = songs[int(rng.integers(len(songs)))]
        speed = float(2 ** (rng.uniform(-3, 3) / 12))
        n = int(SAMPLES * speed) + 2
        a = int(rng.integers(song.shape[1] - n))
        x = song[:, a : a + n].astype(np.float32) / 32767
        at = np.arange(SAMPLES) * speed
        low = at.astype(np.int64)
        w = (at - low).astype(np.float32)
        return x[:, low] * (1 - w) + x[:, low + 1] * w


def colour(rng: np.random.Generator, strength: float) -> np.ndarray:
    """A gain per bin: a smooth equalizer in dB at six frequencies an octave and a half apart."""
    octave = np.log2(np.maximum(np.arange(BINS) * RATE / N_FFT, 30) / 30)
    curve = np.interp(octave, np.linspace(0, 9.5, 6), rng.normal(0, strength, 6))
    return (10 ** (curve / 20)).astype(np.float32)


def presence(rng: np.random.Generator) -> np.ndarray:
    """Sung pop is mixed far brighter than speech is recorded: in most cuts a shelf of up to 14 dB above 500 Hz, and less below 200 Hz."""
    if rng.random() < 0.35:
        return np.ones(BINS, np.float32)
    hertz = np.maximum(np.arange(BINS) * RATE / N_FFT, 30)
    boost, cut = rng.uniform(2, 14), rng.uniform(0, 12)
    shelf = boost * np.clip(np.log2(hertz / 500) / 1.6, 0, 1) - cut * np.clip(np.log2(200 / hertz), 0, 1)
    # The shelf makes it louder as well; that much is taken back.
    return (10 ** ((shelf - 0.4 * boost) / 20)).astype(np.float32)


def batch(pool: Pool, music: list[np.ndarray], size: int, real: int, rng: np.random.Generator):
    """Magnitudes of mixes [size, bins, frames] and of targets [size, 4, bins, frames]; of the last `real`, only vocals are known.

    In half of the rendered mixes the four stems belong together, in the others each is from another song.
    """
    cuts = np.zeros((size, 4, SAMPLES), np.float32)
    gains = np.zeros((size, 4, BINS), np.float32)
    for i in range(size):
        if i < size - real:
            if rng.random() < 0.5:
                cuts[i] = pool.cut(rng)
            else:
                for j in range(4):
                    cuts[i, j] = pool.cut(rng)[j]
        else:
            cuts[i, 0] = pool.cut(rng)[0]
            track = music[int(rng.integers(len(music)))]
            a = int(rng.integers(len(track) - SAMPLES))
            x = track[a : a + SAMPLES].astype(np.float32) / 32767
            # As loud as the three stems that it stands for.
            cuts[i, 3] = x * (0.15 / max(0.02, float(np.sqrt(np.mean(x**2)))))
        if rng.random() < 0.15:
            # Backing vocals by someone else.
            cuts[i, 0] += pool.cut(rng)[0] * rng.uniform(0.2, 0.9)
        whole = 10 ** (rng.normal(0, 4) / 20) * colour(rng, 1.5)
        if rng.random() < 0.4:
            edge = int(rng.uniform(9000, 19000) / RATE * N_FFT)
            whole[edge:] = 0
        for j in range(4):
            silent = rng.random() < SILENT[j] and not (i >= size - real and j == 3)
            gains[i, j] = 0 if silent else whole * 10 ** (rng.normal(0, 3.5) / 20) * colour(rng, 2.5) * (presence(rng) if j == 0 else 1)
    stems = spectrogram(torch.from_numpy(cuts)) * torch.from_numpy(gains)[..., None]
    return magnitude(stems.sum(1)), magnitude(stems)


def magnitude(s: torch.Tensor) -> torch.Tensor:
    """What `abs` computes, at half its cost: these numbers don't overflow when squared."""
    return (s.real**2 + s.imag**2).sqrt()
