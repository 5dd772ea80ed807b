"""Singing the words of a score: espeak-ng speaks every syllable, pyworld gives it the note's pitch and length.

A syllable's vowel falls on the beat, and its first consonants come before it, as singers do it.
"""

import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyworld

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "stems"))
import voice  # noqa: E402
from material import RATE, decode  # noqa: E402
from scipy.ndimage import gaussian_filter1d  # noqa: E402
from scores import Sung, Tone  # noqa: E402

FRAME = voice.FRAME_MS / 1000
# Words a minute. Quick speech has short consonants, which is what a short note needs; the vowel is held anyway.
SPEED = 170
# The longest that consonants may come before the beat, in seconds: "sk", "spr" and "thr" take about as long.
AHEAD = 0.14
# How far below its loudest frame (in nepers of energy) a syllable's vowel begins.
ONSET = 1.6


@lru_cache(maxsize=None)
def syllable(speaker: str, phonemes: str) -> tuple[voice.Syllable, int]:
    """The syllable, and the frame in which its vowel begins."""
    with tempfile.TemporaryDirectory() as folder:
        wav = str(Path(folder) / "syllable.wav")
        subprocess.run(["espeak-ng", "-v", speaker, "-s", str(SPEED), "-w", wav, f"[[{phonemes}]]"], check=True)
        x = np.ascontiguousarray(decode(wav), np.float64)
    pitch, t = pyworld.dio(x, RATE, f0_floor=65, f0_ceil=480, frame_period=voice.FRAME_MS)
    pitch = pyworld.stonemask(x, pitch, t, RATE)
    envelope = np.log(pyworld.cheaptrick(x, pitch, t, RATE, fft_size=voice.FFT) + 1e-12)
    breath = pyworld.d4c(x, pitch, t, RATE, fft_size=voice.FFT)[:, voice.COARSE]
    voice.widen(envelope, breath, voice.bandwidth(x))
    energy = np.log(np.exp(envelope[:, 10:140]).sum(1))
    sounds = np.flatnonzero(energy > energy.max() - 9)
    a, b = max(0, sounds[0] - 2), min(len(pitch), sounds[-1] + 3)
    pitch, envelope, breath, energy = pitch[a:b], envelope[a:b], breath[a:b], gaussian_filter1d(energy[a:b], 2)
    voiced = pitch > 0
    if voiced.sum() < 6:
        raise ValueError(f"espeak-ng's {speaker} does not voice [[{phonemes}]]")
    vowel = int(np.argmax(np.where(voiced, energy, -np.inf)))
    onset = vowel
    while onset > 0 and voiced[onset - 1] and energy[onset - 1] > energy[vowel] - ONSET:
        onset -= 1
    # Every vowel as loud as the others: which of them is stressed is the song's to say.
    envelope = envelope - envelope[vowel, 10:140].mean() - 8
    return voice.Syllable(envelope.astype(np.float32), breath.astype(np.float32), pitch.astype(np.float32), vowel), onset


def piece(s: voice.Syllable, start: int, end: int) -> voice.Syllable:
    return voice.Syllable(s.envelope[start:end], s.breath[start:end], s.pitch[start:end], min(max(s.vowel - start, 0), end - start - 1))


def sing(lines: list[list[Sung]], speaker: str, style: voice.Style, unit: float, seconds: float, transpose: int, rng) -> np.ndarray:
    """The lyrics' lines as samples; `unit` is the score's unit of time in seconds."""
    notes: list[tuple[int, int, float]] = []
    parts: list[voice.Syllable] = []
    ends = 0
    for sung in [s for line in lines for s in line]:
        s, onset = syllable(speaker, sung.phonemes)
        ahead = min(onset, int(AHEAD / FRAME))
        s = piece(s, onset - ahead, len(s.pitch))
        first = frames(sung.tones[0].start * unit) - ahead
        if notes and first < ends:
            # The syllable before gives way to the consonants of this one.
            start, _, height = notes[-1]
            notes[-1] = (start, max(12, first - start), height)
        for i, tone in enumerate(sung.tones):
            last = i == len(sung.tones) - 1
            # Held over to another note, a syllable keeps its consonants at its two ends.
            part = piece(s, 0 if i == 0 else min(s.vowel, len(s.pitch) - 8), len(s.pitch) if last else min(len(s.pitch), s.vowel + 8))
            start = first if i == 0 else frames(tone.start * unit)
            ends = frames((tone.start + 0.96 * tone.length) * unit)
            notes.append((start, ends - start, tone.pitch + transpose))
            parts.append(part)
    singer = voice.Voice(speaker, 0.0, parts, [])
    return voice.sing(singer, style, notes, seconds, list(range(len(parts))), rng)


def frames(seconds: float) -> int:
    return round(seconds / FRAME)


def cents_off(x: np.ndarray, lines: list[list[Sung]], unit: float, transpose: int) -> np.ndarray:
    """By how many cents the pitch that is heard in the middle of each note differs from the score's; nan where none is."""
    found, t = pyworld.dio(x.astype(np.float64), RATE, f0_floor=65, f0_ceil=900, frame_period=voice.FRAME_MS)
    found = pyworld.stonemask(x.astype(np.float64), found, t, RATE)
    return np.array([off(found, tone, unit, transpose) for line in lines for s in line for tone in s.tones])


def off(found: np.ndarray, tone: Tone, unit: float, transpose: int) -> float:
    a, b = frames((tone.start + 0.35 * tone.length) * unit), frames((tone.start + 0.8 * tone.length) * unit)
    middle = found[a:b][found[a:b] > 0]
    return float(np.median(1200 * np.log2(middle / 440) - 100 * (tone.pitch + transpose - 69))) if len(middle) else float("nan")
