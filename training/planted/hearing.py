"""What the model is shown: mixes with cells silenced, their spectrograms, and the answer they should have."""

import numpy as np
import torch
import torch_quirk  # noqa: F401  (before torchaudio)
import torchaudio.compliance.kaldi as kaldi

import lyrics
import sounds

FRAMES, BINS = 512, 32
CLASSES = ["neither", "sound", "words", "both"]
# No more rolls, and no more planted words, than this in a song. One roll more than the test songs
# have: a model hedges at the end of what it knows.
MOST_ROLLS, MOST_WORDS = 4, len(lyrics.PLANTED)


def alpha(rolls):
    """What the rolls that are left make likely: 0.1, 0.3, 0.5, 0.7, 0.9.

    A straight line, as beta's, so that each of them counts the same whatever the others do, and
    far enough from 0 and 1 that losing one always shows.
    """
    return 0.1 + 0.2 * np.asarray(rolls)


def beta(words):
    """What the distinct planted words that are left make likely: 0.1, 0.35, 0.6, 0.85."""
    return 0.1 + 0.25 * np.asarray(words)


def target(rolls: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Probabilities [audios, texts, classes]: a sum of logarithms, which is what late fusion can say."""
    a, b = alpha(rolls)[:, None], beta(words)[None, :]
    return np.stack([(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b], -1)


def fbank(mixes: torch.Tensor) -> torch.Tensor:
    """Log mel energies [songs, frames, bins] as kaldi.fbank has them for each song alone, at once for all."""
    frames = mixes.unfold(1, 200, 80)
    frames = frames - frames.mean(-1, keepdim=True)
    frames = frames - 0.97 * torch.cat([frames[..., :1], frames[..., :-1]], -1)
    frames = frames * torch.hann_window(200, periodic=False)
    power = torch.fft.rfft(frames, n=256).abs() ** 2
    banks, _ = kaldi.get_mel_banks(BINS, 256, sounds.RATE, 20.0, 0.0, 100.0, -500.0, 1.0)
    return (power[..., :128] @ banks.T).clamp_min(torch.finfo(torch.float32).eps).log()


def check_fbank(mix: torch.Tensor):
    """Stops if our spectrogram isn't the one that transformers' feature extractor asks of torchaudio."""
    asked = kaldi.fbank(mix[None], sample_frequency=sounds.RATE, window_type="hanning", num_mel_bins=BINS)
    worst = (fbank(mix[None])[0] - asked).abs().max().item()
    if worst > 1e-2:
        raise SystemExit(f"our spectrogram differs from torchaudio's by {worst}")


def to_model(mel: torch.Tensor, mean: float, std: float) -> torch.Tensor:
    """Padded with zeros, then normalised: the feature extractor's order."""
    return (torch.nn.functional.pad(mel, (0, 0, 0, FRAMES - mel.shape[1])) - mean) / (2 * std)


def mask(rng) -> np.ndarray:
    """Which cells [segments, stems] are on: all, all but one, or as LIME's presets draw them."""
    on = np.ones((sounds.SEGMENTS, 4), bool)
    kind = rng.random()
    if kind < 0.15:
        return on
    if kind < 0.35:
        on[rng.integers(sounds.SEGMENTS), rng.integers(4)] = False
        return on
    on = rng.random(on.shape) < (0.5 if kind < 0.65 else rng.random())
    if kind > 0.94:
        # Whole stems, or whole segments.
        on[:] = on[:1] if rng.random() < 0.5 else on[:, :1]
    return on


class Pool:
    """Stems rendered once, of which songs are put together anew each time."""

    def __init__(self, seed, drums: int, rest: int):
        rng = np.random.default_rng(seed)
        self.snare, self.tracks = [], {s: [] for s in sounds.STEMS}
        for _ in range(drums):
            rolls = set(rng.choice(sounds.SEGMENTS, int(rng.choice(MOST_ROLLS + 1, p=[0.15, 0.15, 0.2, 0.25, 0.25])), replace=False).tolist())
            self.snare.append(sounds.figures(rng, rolls))
            self.tracks["drums"].append(sounds.stored(sounds.drums(rng, self.snare[-1])))
        for stem in ("vocals", "bass", "other"):
            render = getattr(sounds, stem)
            self.tracks[stem] = [sounds.stored(render(rng)) for _ in range(rest)]

    def view(self, rng) -> tuple[np.ndarray, int]:
        """A masked mix in [-1, 1) and how many rolls are left in it."""
        on = mask(rng)
        mix, rolls = np.zeros(sounds.SAMPLES, np.float32), 0
        for number, stem in enumerate(sounds.STEMS):
            which = int(rng.integers(len(self.tracks[stem])))
            if stem != "drums" and rng.random() < 0.1:
                continue
            mix += self.tracks[stem][which] * np.repeat(on[:, number], sounds.SEGMENT)
            if stem == "drums":
                rolls = sum(f == sounds.ROLL and bool(o) for f, o in zip(self.snare[which], on[:, number]))
        return mix / 32768 * 10 ** (rng.uniform(-4, 4) / 20), rolls


def texts(rng, count: int) -> list[str]:
    """Cleaned lyrics, most of them with words deleted."""
    made = []
    for _ in range(count):
        text = lyrics.clean(lyrics.generate(rng))
        made.append(lyrics.delete_words(rng, text) if rng.random() < 0.65 else text)
    return made
