"""Singing made of recorded and synthetic speech.

A voice's speech is cut into syllables at the dips between loud voiced moments, whatever the
language. pyworld takes each apart into pitch, spectral envelope and breath; a note keeps the
syllable's consonants, holds its vowel, and gets the pitch of the melody with the slides, the
vibrato and the unsteadiness of a singer. So consonants, breath and timbre are a person's, and
pitch and words are ours. Some lines are left as they were spoken, as in rap.
"""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyworld
from material import RATE, decode
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

FRAME_MS = 5.0
FFT = 2048
BINS = FFT // 2 + 1
# Breath is kept at every 16th bin: it has no detail.
COARSE = np.arange(0, BINS, 16)
# Speech analysed per voice, in seconds: enough for some fifty syllables, and analysis takes half as long as it lasts.
SECONDS = 16.0

LYRICS = (
    "hold me now under the moon, I was alone and the night was long. we run along the river, over the hills and home again. "
    "tell me why you never came back, all of my love is burning low. oh my heart, sing it out loud, we are young and the road is wide. "
    "give it up, give it away, morning light will find us here. every day I wait for you, every dream is painted blue. "
    "la la la, na na na, hey, yeah, oh, ah. nobody knows where the wind will go, nobody cares how the stories end."
)


@dataclass
class Syllable:
    """Frames of one syllable: log envelope, breath in [0, 1] at COARSE bins, pitch (0 where unvoiced), and the vowel's frame."""

    envelope: np.ndarray
    breath: np.ndarray
    pitch: np.ndarray
    vowel: int


@dataclass
class Voice:
    name: str
    pitch: float
    syllables: list[Syllable]
    spoken: list[np.ndarray]


def speech(name: str, files: list[str], rng: np.random.Generator) -> list[np.ndarray]:
    """Recordings of a voice in random order, up to SECONDS; synthesizers read the lyrics."""
    kind, _, which = name.partition("-")
    if kind in ("flite", "espeak"):
        with tempfile.TemporaryDirectory() as folder:
            wav = str(Path(folder) / "speech.wav")
            if kind == "flite":
                command = ["flite", "-voice", which, "-t", LYRICS, "-o", wav]
            else:
                command = ["espeak-ng", "-v", which, "-s", str(rng.integers(120, 175)), "-w", wav, LYRICS]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            return [decode(wav)[: int(SECONDS * RATE)]]
    found, total = [], 0.0
    for i in rng.permutation(len(files)):
        x = decode(files[i])
        if len(x) < RATE // 4 or np.abs(x).max() < 0.02:
            continue
        x = x[: 6 * RATE]
        found.append(x)
        total += len(x) / RATE
        if total > SECONDS:
            break
    return found


def bandwidth(x: np.ndarray) -> float:
    """The frequency above which a recording has next to nothing (those at 16 kHz end at 8 kHz)."""
    power = np.abs(np.fft.rfft(x)) ** 2
    total = np.cumsum(power[::-1])[::-1]
    return float(np.argmax(total < total[0] * 1e-7) or len(power)) / len(power) * RATE / 2


def widen(envelope: np.ndarray, breath: np.ndarray, edge: float) -> None:
    """Above `edge` the band below is mirrored, 12 dB softer and breathy, so that a voice isn't known by its sample rate."""
    if edge > 10_000:
        return
    cut = int(0.95 * edge / (RATE / 2) * (BINS - 1))
    k = np.arange(cut, BINS)
    mirror = np.maximum(cut // 2, 2 * cut - k)
    envelope[:, k] = envelope[:, mirror] - 2.8 - (k - cut) / (BINS - cut) * 2.3
    breath[:, COARSE >= cut] = 0.9


def take_apart(x: np.ndarray) -> list[Syllable]:
    x = np.ascontiguousarray(x, np.float64)
    pitch, t = pyworld.dio(x, RATE, f0_floor=75, f0_ceil=480, frame_period=FRAME_MS)
    pitch = pyworld.stonemask(x, pitch, t, RATE)
    if (pitch > 0).sum() < 12:
        return []
    envelope = np.log(pyworld.cheaptrick(x, pitch, t, RATE, fft_size=FFT) + 1e-12)
    breath = pyworld.d4c(x, pitch, t, RATE, fft_size=FFT)[:, COARSE]
    widen(envelope, breath, bandwidth(x))

    loud = gaussian_filter1d(np.log(np.exp(envelope[:, 10:140]).sum(1)), 4)
    voiced = pitch > 0
    peaks, _ = find_peaks(np.where(voiced, loud, loud.min()), distance=22, prominence=0.6)
    peaks = [p for p in peaks if loud[p] > loud.max() - 4.5]
    edges = [max(0, peaks[0] - 45)] if peaks else []
    edges += [a + int(np.argmin(loud[a:b])) for a, b in zip(peaks, peaks[1:])]
    edges += [min(len(pitch), peaks[-1] + 50)] if peaks else []
    found = []
    for a, b, p in zip(edges, edges[1:], peaks):
        a, b = max(a, p - 45), min(b, p + 50)
        if a <= p < b - 1 and b - a >= 16 and voiced[a:b].sum() >= 10:
            found.append(Syllable(envelope[a:b].astype(np.float16), breath[a:b].astype(np.float16), pitch[a:b].astype(np.float32), p - a))
    return found


def learn(name: str, files: list[str], seed: int) -> Voice | None:
    """Takes a voice's speech apart; nothing if too little of it is voiced."""
    rng = np.random.default_rng([seed, *name.encode()])
    spoken = speech(name, files, rng)
    syllables = [s for x in spoken for s in take_apart(x)]
    if len(syllables) < 12:
        return None
    level = np.mean([s.envelope[s.vowel, 10:140].astype(float).mean() for s in syllables])
    for s in syllables:
        # Speakers are recorded at all levels; syllables of one voice keep half of their differences.
        own = float(s.envelope[s.vowel, 10:140].astype(float).mean())
        s.envelope = (s.envelope - np.float16(level + 0.5 * (own - level) + 8)).astype(np.float16)
    pitch = float(np.median(np.concatenate([s.pitch[s.pitch > 0] for s in syllables])))
    return Voice(name, pitch, syllables, [x / (np.abs(x).max() + 1e-9) * 0.5 for x in spoken if len(x) > RATE // 2])


@dataclass(frozen=True)
class Style:
    """How a singer sings: vibrato in cents and Hz, slides in frames, formants as a factor, added breath, unsteadiness in cents."""

    vibrato: float
    rate: float
    slide: float
    formants: float
    breath: float
    drift: float
    tilt: float

    @staticmethod
    def random(rng: np.random.Generator) -> "Style":
        return Style(
            vibrato=float(rng.choice([0, rng.uniform(8, 70)], p=[0.2, 0.8])), rate=float(rng.uniform(4.6, 6.8)),
            slide=float(rng.uniform(2, 14)), formants=float(rng.uniform(0.86, 1.16)),
            breath=float(rng.choice([0, rng.uniform(0.03, 0.4)], p=[0.5, 0.5])), drift=float(rng.uniform(4, 22)),
            tilt=float(rng.normal(0, 0.5)),
        )


def stretch(s: Syllable, frames: int) -> np.ndarray:
    """Which source frame each output frame takes: consonants at their speed, the vowel held; a short note squeezes all."""
    n = len(s.pitch)
    if frames <= n:
        return np.linspace(0, n - 1, frames)
    head = min(s.vowel, int(0.45 * frames))
    tail = min(n - 1 - s.vowel, int(0.35 * frames))
    middle = frames - head - tail
    return np.concatenate([
        np.linspace(0, s.vowel, head, endpoint=False),
        s.vowel + 2.5 * np.sin(np.linspace(0, middle / 21, middle)),
        np.linspace(s.vowel, n - 1, tail + 1)[1:],
    ]).clip(0, n - 1)


def at(rows: np.ndarray, index: np.ndarray) -> np.ndarray:
    low = np.minimum(index.astype(int), len(rows) - 1)
    high = np.minimum(low + 1, len(rows) - 1)
    w = (index - low)[:, None]
    return rows[low].astype(np.float32) * (1 - w) + rows[high].astype(np.float32) * w


def sing(voice: Voice, style: Style, notes: list[tuple[int, int, float]], seconds: float, words: list[int], rng) -> np.ndarray:
    """The line `notes` (start and length in frames, MIDI pitch) with the syllables `words`."""
    total = int(seconds * 1000 / FRAME_MS)
    target = np.zeros(total)
    voiced = np.zeros(total, bool)
    envelope = np.full((total, BINS), -27.0, np.float32)
    breath = np.ones((total, len(COARSE)), np.float32)
    for (start, length, note), word in zip(notes, words):
        s = voice.syllables[word % len(voice.syllables)]
        length = min(length, total - start)
        if length < 8:
            continue
        index = stretch(s, length)
        rows = at(s.envelope, index)
        # A touch of dynamics, and a brighter voice on high notes.
        effort = rng.normal(0, 0.35) + 0.03 * (note - 60)
        rows += effort + (style.tilt + 0.25 * effort) * np.linspace(-0.5, 1, BINS, dtype=np.float32)
        fade = np.minimum(1, np.minimum(np.arange(length) + 1, np.arange(length)[::-1] + 1) / 5)
        rows += np.log(fade + 1e-3)[:, None]
        here = slice(start, start + length)
        envelope[here] = np.logaddexp(envelope[here], rows)
        breath[here] = at(s.breath, index)
        voiced[here] = s.pitch[np.round(index).astype(int)] > 0
        t = np.arange(length)
        cents = style.vibrato * np.sin(2 * np.pi * style.rate * t * FRAME_MS / 1000) * np.clip((t - 40) / 60, 0, 1)
        if rng.random() < 0.3:
            cents = cents - rng.uniform(60, 250) * np.exp(-t / rng.uniform(6, 20))
        target[here] = note + cents / 100
    sung = target > 0
    if not sung.any():
        return np.zeros(int(seconds * RATE), np.float32)
    # Between notes the pitch stays where it was, so that the slide starts from there.
    hold = np.maximum.accumulate(np.where(sung, np.arange(total), np.argmax(sung)))
    pitch = gaussian_filter1d(target[hold], style.slide)
    pitch += gaussian_filter1d(rng.normal(0, 1, total), 18) * 9 * style.drift / 100 + rng.normal(0, 0.03, total)
    f0 = np.where(voiced, 440 * 2 ** ((pitch - 69) / 12), 0.0)

    moved = np.clip(np.arange(BINS) / style.formants, 0, BINS - 1)
    low = np.minimum(moved.astype(int), BINS - 2)
    w = (moved - low).astype(np.float32)
    envelope = envelope[:, low] * (1 - w) + envelope[:, low + 1] * w
    full = np.clip(np.arange(BINS) / 16, 0, len(COARSE) - 1)
    lo = np.minimum(full.astype(int), len(COARSE) - 2)
    wf = (full - lo).astype(np.float32)
    breath = breath[:, lo] * (1 - wf) + breath[:, lo + 1] * wf
    breath = np.clip(breath + style.breath * np.linspace(0.2, 1, BINS, dtype=np.float32), 1e-3, 1.0)
    spectrum = np.ascontiguousarray(np.exp(envelope), np.float64)
    y = pyworld.synthesize(f0, spectrum, np.ascontiguousarray(breath, np.float64), RATE, FRAME_MS)
    return fit(y, int(seconds * RATE))


def recite(voice: Voice, starts: list[float], seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Speech as it was recorded, begun on the given beats (seconds)."""
    y = np.zeros(int(seconds * RATE), np.float32)
    end = 0
    for s in starts:
        a = int(s * RATE)
        if a >= end:
            x = voice.spoken[int(rng.integers(len(voice.spoken)))][: len(y) - a]
            y[a : a + len(x)] += x
            end = a + len(x)
    return y


def fit(y: np.ndarray, n: int) -> np.ndarray:
    return np.pad(y[:n], (0, max(0, n - len(y)))).astype(np.float32)
