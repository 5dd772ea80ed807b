"""All sounds: stretches of real tracks, and rendered songs whole and with stems left out, each with what the teacher says of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
import sources
import spectrogram

# Of a real track, this much from a quarter on: past the introduction, and enough for five windows.
STRETCH_SECONDS = 51.2


@dataclass(frozen=True)
class Sound:
    """One stretch, its source (a package, or "rendered") and the piece it is of: pieces are never split."""

    source: str
    piece: str
    name: str
    heard: spectrogram.Heard


def stretch(track: sources.Track, whole: float) -> np.ndarray:
    """The stretch of a track of `whole` seconds that stands for it."""
    return sources.decode(track, spectrogram.RATE, max(0.0, min(whole / 4, whole - STRETCH_SECONDS)), STRETCH_SECONDS)


def real(track: sources.Track, taggers, cache: Path) -> Sound | None:
    path = cache / f"{track.package}--{track.name.replace('/', '_')}.npz"
    samples = None
    if not path.exists():
        whole = sources.seconds(track.files[0])
        if whole < sources.SHORTEST:
            return None
        samples = stretch(track, whole)
    return Sound(track.package, track.name, track.name, spectrogram.prepare(samples, taggers, path))


def rendered(stems_file: Path, taggers, cache: Path, subsets: int = 2) -> list[Sound]:
    """A rendered song, and the same without random stems: two complementary halves of it, each heard by the teacher itself."""
    number = int(stems_file.stem)
    rng = np.random.default_rng([11, number])
    on = rng.permutation([True, True, False, False])
    found = []
    for name, mask in (("whole", [True] * 4), ("half", on), ("other-half", ~on))[: subsets + 1]:
        path = cache / f"{stems_file.parent.name}--{number:04d}-{name}.npz"
        samples = None
        if not path.exists():
            stems = np.load(stems_file, mmap_mode="r")
            mix = stems[np.flatnonzero(mask)].astype(np.float32).sum(0) / 32767
            # 44.1 kHz to 16 kHz.
            samples = scipy.signal.resample_poly(mix, 160, 441).astype(np.float32)
        found.append(Sound("rendered", f"{stems_file.parent.name}/{number}", f"{number}-{name}", spectrogram.prepare(samples, taggers, path)))
    return found
