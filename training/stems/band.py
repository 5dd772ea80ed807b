"""Sounds of a composed song's drums, bass and other instruments: soundfonts, sampled kits, loops and a plain synthesizer."""

import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import effects
import mido
import numpy as np
from material import RATE, Material, decode
from songs import Note, Song

TICKS = 480
GM_DRUMS = {"kick": (35, 36), "snare": (38, 40), "clap": (39,), "rim": (37,), "hat": (42, 44), "open": (46,), "crash": (49, 57, 55),
            "ride": (51, 59, 53), "tom": (41, 43, 45, 47, 48, 50), "hand": (54, 70, 60, 61, 62, 63, 64, 69, 82)}
GM_KITS = (0, 0, 0, 8, 16, 24, 25, 32, 40)


def synthesize(font: str, tempo: float, parts: list[tuple[int, int, list[Note]]], seconds: float) -> np.ndarray:
    """Parts (channel, program, notes) through fluidsynth, without its own reverb and chorus; stereo is averaged to mono."""
    midi = mido.MidiFile(ticks_per_beat=TICKS)
    track = mido.MidiTrack()
    midi.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))
    events = []
    for channel, program, notes in parts:
        events.append((0, 0, mido.Message("program_change", channel=channel, program=program)))
        for n in notes:
            if 0 <= n.pitch < 128:
                a = int(max(0.0, n.start) * TICKS)
                events.append((a, 2, mido.Message("note_on", channel=channel, note=n.pitch, velocity=n.velocity)))
                events.append((a + max(1, int(n.length * TICKS)), 1, mido.Message("note_off", channel=channel, note=n.pitch)))
    now = 0
    for tick, _, message in sorted(events, key=lambda e: (e[0], e[1])):
        track.append(message.copy(time=tick - now))
        now = tick
    with tempfile.TemporaryDirectory() as folder:
        mid, raw = Path(folder) / "song.mid", Path(folder) / "song.raw"
        midi.save(mid)
        subprocess.run(
            ["fluidsynth", "-ni", "-q", "-r", str(RATE), "-g", "0.6", "-R", "0", "-C", "0", "-o", "synth.dynamic-sample-loading=1",
             "-T", "raw", "-O", "float", "-F", str(raw), font, str(mid)],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        x = np.fromfile(raw, np.float32).reshape(-1, 2).mean(1)
    return fit(x, seconds)


def fit(x: np.ndarray, seconds: float) -> np.ndarray:
    n = int(seconds * RATE)
    return np.pad(x[:n], (0, max(0, n - len(x)))).astype(np.float32)


@lru_cache(maxsize=600)
def sample(path: str) -> np.ndarray:
    x = decode(path, 0, 2.5)
    return x / (np.abs(x).max() + 1e-9) if len(x) else x


def sampled_drums(song: Song, kit: dict[str, list[str]], seconds: float, rng) -> np.ndarray:
    """A hit is one of the kit's samples of that kind, the same one throughout save for some variation; the louder, the brighter."""
    y = np.zeros(int(seconds * RATE) + 5 * RATE, np.float32)
    favourite = {k: str(rng.choice(v)) for k, v in kit.items()}
    gains = {"kick": 1.0, "snare": 0.85, "clap": 0.7, "rim": 0.6, "hat": 0.35, "open": 0.4, "crash": 0.5, "ride": 0.4, "tom": 0.8, "hand": 0.5}
    gains = {k: g * 10 ** (rng.normal(0, 2.5) / 20) for k, g in gains.items()}
    speed = 2 ** (rng.normal(0, 1.0) / 12)
    tuned: dict[str, np.ndarray] = {}
    for beat, kind, velocity in song.drums:
        what = kind if kind in kit else {"open": "hat", "ride": "hat", "clap": "snare", "rim": "snare", "tom": "snare"}.get(kind)
        if what not in kit:
            continue
        path = favourite[what] if rng.random() < 0.8 else kit[what][int(rng.integers(min(3, len(kit[what]))))]
        if path not in tuned:
            x = sample(path)
            tuned[path] = np.interp(np.arange(0, len(x) - 1, speed), np.arange(len(x)), x) if len(x) else x
        x = tuned[path]
        at = int((beat * song.seconds_per_beat + rng.normal(0, 0.004)) * RATE)
        if len(x) == 0 or at < 0 or at >= int(seconds * RATE):
            continue
        y[at : at + len(x)] += (x * gains[kind] * (velocity / 110) ** 1.5)[: len(y) - at].astype(np.float32)
    return y[: int(seconds * RATE)]


def loop_drums(path: str, seconds: float, rng) -> np.ndarray:
    x = sample_whole(path)
    speed = rng.uniform(0.8, 1.25)
    x = np.interp(np.arange(0, len(x) - 1, speed), np.arange(len(x)), x).astype(np.float32)
    return fit(np.tile(x, int(seconds * RATE / max(1, len(x))) + 1), seconds)


@lru_cache(maxsize=20)
def sample_whole(path: str) -> np.ndarray:
    return decode(path)


def drums(song: Song, m: Material, seconds: float, rng) -> np.ndarray:
    kind = rng.random()
    if kind < 0.07 and m.loops:
        y = loop_drums(str(rng.choice(m.loops)), seconds, rng)
    elif kind < 0.6:
        y = sampled_drums(song, m.kits[str(rng.choice(sorted(m.kits)))], seconds, rng)
    else:
        chosen = {k: int(rng.choice(v)) for k, v in GM_DRUMS.items()}
        notes = [Note(b, 0.2, chosen[k] if k not in ("tom", "hand") else int(rng.choice(GM_DRUMS[k])), v) for b, k, v in song.drums]
        program = 25 if song.style in ("hiphop", "electronic") and rng.random() < 0.6 else int(rng.choice(GM_KITS))
        y = synthesize(str(rng.choice(m.soundfonts)), song.tempo, [(9, program, notes)], seconds)
    if rng.random() < 0.4:
        y = effects.compress(y, rng)
    if rng.random() < 0.12:
        y = effects.distort(y, rng.uniform(1.5, 4))
    if rng.random() < 0.6:
        y = effects.reverb(y, rng, rng.uniform(0.01, 0.2), rng.uniform(0.2, 1.2))
    return effects.tone(y, rng, 2.5)


def plain_bass(song: Song, seconds: float, rng) -> np.ndarray:
    """Sine with a falling start (808), or filtered saw or square."""
    y = np.zeros(int(seconds * RATE), np.float32)
    shape = str(rng.choice(["sine", "saw", "square"]))
    harmonics = {"sine": 1, "saw": int(rng.integers(4, 18)), "square": int(rng.integers(3, 14))}[shape]
    dive, drive = rng.choice([0.0, rng.uniform(3, 14)]), rng.uniform(1, 4)
    for n in song.bass:
        a = int(n.start * song.seconds_per_beat * RATE)
        count = min(int(n.length * song.seconds_per_beat * RATE), len(y) - a)
        if a < 0 or count < 200:
            continue
        t = np.arange(count) / RATE
        f = 440 * 2 ** ((n.pitch - 69 + dive * np.exp(-t / 0.03)) / 12)
        phase = 2 * np.pi * np.cumsum(f) / RATE
        x = np.zeros(count)
        for h in range(1, harmonics + 1):
            if shape != "square" or h % 2:
                x += np.sin(h * phase) / h * np.exp(-t * h * 0.8)
        x *= np.minimum(1, np.minimum(np.arange(count), np.arange(count)[::-1]) / 200)
        if shape == "sine":
            x = np.tanh(x * drive) * np.exp(-t * rng.uniform(0.3, 1.5))
        y[a : a + count] += (x * n.velocity / 127 * 0.4).astype(np.float32)
    return y


def bass(song: Song, m: Material, seconds: float, rng) -> np.ndarray:
    if rng.random() < {"hiphop": 0.6, "electronic": 0.6}.get(song.style, 0.08):
        y = plain_bass(song, seconds, rng)
    else:
        y = synthesize(str(rng.choice(m.soundfonts)), song.tempo, [(0, song.bass_program, song.bass)], seconds)
    if rng.random() < 0.5:
        y = effects.compress(y, rng)
    if rng.random() < 0.25:
        y = effects.distort(y, rng.uniform(1.2, 4))
    return effects.tone(y, rng, 2.5)


def other(song: Song, m: Material, seconds: float, rng) -> np.ndarray:
    total = np.zeros(int(seconds * RATE), np.float32)
    for program, kind, notes in song.layers:
        y = synthesize(str(rng.choice(m.soundfonts)), song.tempo, [(0, program, notes)], seconds)
        level = np.sqrt(np.mean(y**2))
        if level < 1e-5:
            continue
        if kind == "power" or rng.random() < 0.1:
            y = effects.distort(y, rng.uniform(1.5, 8))
        if rng.random() < 0.3:
            y = effects.compress(y, rng)
        if rng.random() < 0.5:
            y = effects.reverb(y, rng, rng.uniform(0.02, 0.4), rng.uniform(0.3, 2.5))
        if rng.random() < 0.12:
            y = effects.echo(y, song.seconds_per_beat * float(rng.choice([0.5, 0.75, 1])), rng.uniform(0.2, 0.5))
        y = effects.tone(y, rng, 3, low_cut=float(rng.choice([0, 90, 180])))
        total += y / (np.sqrt(np.mean(y**2)) + 1e-9) * 0.06 * 10 ** (rng.normal(0, 3) / 20)
    return total
