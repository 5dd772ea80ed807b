"""Composes short songs: for each stem its notes, in beats, drawn from a seed.

They aren't meant to be good music but to have the bands, ranges, densities and habits of popular
styles: a beat with fills, a bass that follows the chords, several layers of harmony, a melody in
phrases with rests, and stretches without singing, without drums or without bass.
"""

from dataclasses import dataclass, field

import numpy as np

MAJOR, MINOR = [0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]
# Degrees of the scale, one chord a bar.
PROGRESSIONS = [
    [0, 4, 5, 3], [5, 3, 0, 4], [0, 5, 3, 4], [0, 3, 4, 3], [1, 4, 0, 0], [0, 6, 3, 0], [3, 0, 4, 5], [0, 2, 3, 4],
    [0, 0, 3, 4], [5, 4, 3, 4], [0, 3, 0, 4], [1, 4, 0, 5], [0, 5, 1, 4], [0, 0, 0, 0], [0, 0, 3, 3],
]


@dataclass(frozen=True)
class Style:
    """Tempo range, swing of the off-beat 16ths, sevenths in chords, patterns of 16ths (chance of a hit), layers to choose from."""

    tempo: tuple[int, int]
    swing: float
    sevenths: float
    kick: str
    snare: str
    hat: str
    bass: tuple[str, ...]
    layers: tuple[str, ...]
    rap: float


# A digit is a chance in tenths (9 is certain), a dot is none.
STYLES = {
    "rock": Style((95, 165), 0.0, 0.1, "9..2..2.94....3.", "....9......1.9..", "9.9.9.9.9.9.9.9.", ("eighths", "root", "busy"), ("power", "strum", "organ", "lead", "pad"), 0.03),
    "pop": Style((90, 130), 0.0, 0.2, "9.....3.9..3....", "....9.......9..1", "9.9.9.9.9.9.9.9.", ("eighths", "root", "octaves", "busy"), ("comp", "strum", "pad", "arp", "pluck", "lead"), 0.1),
    "hiphop": Style((75, 100), 0.12, 0.5, "9..4..3...95..2.", "....9..2.1..9..2", "8383838383838383", ("long", "busy"), ("comp", "pad", "pluck", "arp"), 0.7),
    "electronic": Style((118, 140), 0.0, 0.2, "9...9...9...9...", "....8.......8...", "2.9.2.9.2.9.2.95", ("octaves", "offbeat", "eighths"), ("saw", "arp", "pad", "pluck", "stab"), 0.1),
    "jazz": Style((95, 180), 0.3, 0.9, "5...2...4...2...", "..1....2..1...2.", "9...9.5.9...9.5.", ("walking",), ("comp", "horn", "strum", "mallet"), 0.0),
    "ballad": Style((60, 85), 0.0, 0.3, "9.....2.7..2....", "....8.......8...", "7.7.7.7.7.7.7.7.", ("root", "long"), ("comp", "pad", "arp", "strum", "lead"), 0.0),
    "funk": Style((92, 118), 0.06, 0.7, "9..3..6..49..3..", "....9..3.3..9..4", "9898989898989898", ("busy", "octaves"), ("stab", "wah", "organ", "horn"), 0.15),
    "metal": Style((120, 190), 0.0, 0.0, "9.699.699.699.69", "....9.......9...", "9...9...9...9...", ("eighths", "busy"), ("power", "power", "lead", "pad"), 0.1),
    "reggae": Style((65, 90), 0.08, 0.3, "........9.......", "........9....2..", "9.7.9.7.9.7.9.7.", ("busy", "root"), ("offbeat", "organ", "horn", "comp"), 0.2),
    "folk": Style((80, 130), 0.0, 0.2, "9.......9.......", "....5.......5...", "5.5.5.5.5.5.5.5.", ("root",), ("strum", "arp", "lead", "pad"), 0.0),
}

PROGRAMS = {
    "power": (29, 30, 30), "strum": (24, 25, 26, 27, 28), "organ": (16, 17, 18, 19), "lead": (29, 30, 27, 80, 81, 65, 66, 40, 73, 56),
    "pad": (48, 49, 50, 51, 88, 89, 90, 92, 94, 95), "comp": (0, 1, 2, 3, 4, 5, 7), "arp": (0, 4, 24, 25, 46, 81, 98, 11), "pluck": (45, 104, 105, 107, 12, 13, 108),
    "saw": (81, 80, 90, 62), "stab": (61, 62, 63, 17, 81), "horn": (56, 57, 60, 61, 64, 65, 66, 67, 71), "mallet": (11, 12, 13), "wah": (27, 28, 7), "offbeat": (27, 16, 0),
}
BASS_PROGRAMS = {"jazz": (32, 35), "electronic": (38, 39), "hiphop": (38, 39, 33), "funk": (36, 37, 33)}


@dataclass
class Note:
    start: float
    length: float
    pitch: int
    velocity: int


@dataclass
class Song:
    """Times in beats. `layers` are (program, kind, notes); drums are (beat, kind, velocity); `sung` are phrases of notes."""

    style: str
    tempo: float
    beats: int
    rap: bool
    bass_program: int
    bass: list[Note] = field(default_factory=list)
    layers: list[tuple[int, str, list[Note]]] = field(default_factory=list)
    drums: list[tuple[float, str, int]] = field(default_factory=list)
    sung: list[list[Note]] = field(default_factory=list)

    @property
    def seconds_per_beat(self) -> float:
        return 60 / self.tempo


def compose(rng: np.random.Generator, seconds: float, style_name: str | None = None) -> Song:
    name = style_name or str(rng.choice(list(STYLES)))
    style = STYLES[name]
    tempo = float(rng.uniform(*style.tempo))
    bars = int(np.ceil(seconds / (4 * 60 / tempo)))
    programs = BASS_PROGRAMS.get(name, (32, 33, 34, 35, 36, 38))
    song = Song(name, tempo, bars * 4, bool(rng.random() < style.rap), int(rng.choice(programs)))
    scale, key = (MAJOR if rng.random() < 0.5 else MINOR), int(rng.integers(12))
    progression = PROGRESSIONS[int(rng.integers(len(PROGRESSIONS)))]
    chords = [chord(key, scale, progression[b % len(progression)], rng.random() < style.sevenths) for b in range(bars)]

    # Two of seven parts of the song are without one thing or another.
    part = max(1, bars // int(rng.integers(2, 5)))
    rest = {kind: {b for b in range(bars) if hash_rest(rng_state, b // part) < p} for kind, p, rng_state in
            (("sung", 0.25, int(rng.integers(1 << 30))), ("drums", 0.1, int(rng.integers(1 << 30))), ("bass", 0.1, int(rng.integers(1 << 30))))}
    if len(rest["sung"]) == bars:
        rest["sung"] = set()

    grid = patterns(style, rng)
    bass_kind = str(rng.choice(style.bass))
    for b, notes in enumerate(chords):
        if b not in rest["drums"]:
            song.drums += drum_bar(grid, style, b, bars, rng)
        if b not in rest["bass"]:
            following = chords[(b + 1) % bars][0]
            song.bass += bass_bar(bass_kind, notes, following, b * 4, rng)
    kinds = list(rng.choice(style.layers, size=min(len(style.layers), int(rng.integers(2, 5))), replace=False))
    for kind in kinds:
        out = set() if rng.random() < 0.6 else {b for b in range(bars) if hash_rest(int(rng.integers(1 << 30)), 0) < 0.3}
        notes = [n for b, c in enumerate(chords) if b not in out for n in layer_bar(kind, c, key, scale, b * 4, rng)]
        song.layers.append((int(rng.choice(PROGRAMS[kind])), kind, notes))
    song.sung = melody(chords, key, scale, [b for b in range(bars) if b not in rest["sung"]], rng)
    return song


def hash_rest(seed: int, part: int) -> float:
    return float(np.random.default_rng([seed, part]).random())


def chord(key: int, scale: list[int], degree: int, seventh: bool) -> list[int]:
    """Pitches of the chord from its root on, around C3."""
    steps = (0, 2, 4, 6) if seventh else (0, 2, 4)
    return [48 + key % 12 + scale[(degree + s) % 7] + 12 * ((degree + s) // 7) for s in steps]


def patterns(style: Style, rng) -> dict[str, np.ndarray]:
    """The beat of one song: each chance is drawn once, so that bars are alike."""
    out = {}
    for kind in ("kick", "snare", "hat"):
        chance = np.array([0 if c == "." else (1.0 if c == "9" else int(c) / 10) for c in getattr(style, kind)])
        out[kind] = np.where(rng.random(16) < chance, 1.0, 0.0)
    if rng.random() < 0.25:
        out["hat"] = np.where(np.arange(16) % int(rng.choice([1, 2, 4])) == 0, 1.0, 0.0)
    return out


def drum_bar(grid, style: Style, bar: int, bars: int, rng) -> list[tuple[float, str, int]]:
    hits = []
    snare = "clap" if rng.random() < 0.05 else "snare"
    cymbal = "ride" if bar // 4 % 2 else "hat"
    for i in range(16):
        beat = bar * 4 + i / 4 + (style.swing / 4 if i % 2 else 0)
        for kind in ("kick", "snare", "hat"):
            if grid[kind][i] and rng.random() < 0.97:
                strong = 100 if i % 4 == 0 else 78
                what = {"snare": snare, "hat": cymbal}.get(kind, kind)
                if kind == "hat" and i % 8 == 6 and rng.random() < 0.2:
                    what = "open"
                hits.append((beat, what, int(np.clip(strong + rng.normal(0, 9), 25, 127))))
    if bar % 4 == 0 and rng.random() < 0.6:
        hits.append((bar * 4, "crash", int(rng.integers(75, 120))))
    if bar % 4 == 3 and rng.random() < 0.5:
        for i in range(8, 16):
            if rng.random() < 0.7:
                hits.append((bar * 4 + i / 4, str(rng.choice(["tom", "snare"])), int(rng.integers(60, 120))))
    if rng.random() < 0.12:
        hits += [(bar * 4 + i / 2, "hand", int(rng.integers(45, 90))) for i in range(8)]
    return hits


def bass_bar(kind: str, notes: list[int], following: int, at: float, rng) -> list[Note]:
    root = notes[0] - 12
    while root > 43:
        root -= 12
    while root < 28:
        root += 12
    fifth, octave = root + (notes[2] - notes[0]), root + 12

    def v():
        return int(np.clip(rng.normal(100, 8), 60, 127))

    if kind == "eighths":
        return [Note(at + i / 2, 0.46, root if rng.random() < 0.92 else fifth, v()) for i in range(8)]
    if kind == "root":
        return [Note(at, 1.9, root, v()), Note(at + 2, 1.4, root if rng.random() < 0.5 else fifth, v()), Note(at + 3.5, 0.45, root, v())]
    if kind == "long":
        return [Note(at, 3.7, root, v())] if rng.random() < 0.6 else [Note(at, 1.4, root, v()), Note(at + 1.5, 2.3, root, v())]
    if kind == "octaves":
        return [Note(at + i / 2, 0.4, root if i % 2 == 0 else octave, v()) for i in range(8)]
    if kind == "offbeat":
        return [Note(at + i + 0.5, 0.42, root, v()) for i in range(4)]
    if kind == "walking":
        near = following - 12 + (1 if rng.random() < 0.5 else -1)
        while near > 45:
            near -= 12
        line = [root, root + notes[1] - notes[0], fifth, near]
        return [Note(at + i, 0.92, p, v()) for i, p in enumerate(line)]
    steps = [i for i in range(16) if i == 0 or rng.random() < 0.35]
    ends = steps[1:] + [16]
    return [Note(at + a / 4, 0.9 * (b - a) / 4, int(rng.choice([root, root, fifth, octave])), v()) for a, b in zip(steps, ends)]


def layer_bar(kind: str, notes: list[int], key: int, scale: list[int], at: float, rng) -> list[Note]:
    def v(mean=80):
        return int(np.clip(rng.normal(mean, 9), 30, 127))

    high = [p + 12 for p in notes]
    if kind == "power":
        p = notes[0] - (12 if notes[0] > 50 else 0)
        steps = [0, 4] if rng.random() < 0.3 else [i for i in range(8) if i in (0, 3, 6) or rng.random() < 0.6]
        return [Note(at + i / 2, 0.48 if len(steps) > 2 else 1.9, p + d, v(95)) for i in steps for d in (0, 7, 12)]
    if kind in ("pad", "organ", "saw"):
        return [Note(at, 3.95, p, v(70)) for p in high]
    if kind in ("strum", "wah", "stab", "offbeat", "comp"):
        where = {"offbeat": [1, 3, 5, 7], "stab": [0, 3, 6], "wah": [1, 3, 4, 6, 7]}.get(kind, [i for i in range(8) if i % 4 == 0 or rng.random() < 0.45])
        length = {"offbeat": 0.2, "stab": 0.35, "wah": 0.2}.get(kind, 0.6)
        spread = 0.02 if kind == "strum" else 0.0
        return [Note(at + i / 2 + spread * j, length, p, v()) for i in where for j, p in enumerate(high)]
    if kind in ("arp", "pluck", "mallet"):
        step = 0.5 if rng.random() < 0.6 else 0.25
        tones = high + [high[0] + 12]
        count = int(4 / step)
        return [Note(at + i * step, step * 1.1, tones[i % len(tones)], v(75)) for i in range(count) if rng.random() < 0.92]
    # A melody: lead and horn, in some bars.
    if rng.random() < 0.35:
        return []
    out, t = [], 0.0
    p = int(rng.choice(high)) + 12
    while t < 3.9:
        length = float(rng.choice([0.25, 0.5, 0.5, 1.0, 1.5]))
        out.append(Note(at + t, min(length, 4 - t) * 0.95, p, v(85)))
        p = in_scale(p + int(rng.integers(-4, 5)), key, scale)
        t += length
    return out


def in_scale(p: int, key: int, scale: list[int]) -> int:
    while (p - key) % 12 not in scale:
        p -= 1
    return p


def melody(chords, key: int, scale, bars: list[int], rng) -> list[list[Note]]:
    """Phrases of one or two bars with a breath between them; the range is about a tenth around C4, moved to the singer's later."""
    phrases, p = [], 60 + int(rng.integers(-3, 4))
    density = rng.uniform(0.35, 0.85)
    for b in bars:
        if rng.random() < 0.1:
            continue
        t = float(rng.choice([0, 0, 0.5, 1.0]))
        end = float(rng.choice([3, 3.5, 3.9]))
        phrase = []
        while t < end:
            length = float(rng.choice([0.25, 0.5, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0], p=weights(density)))
            length = min(length, end + 0.4 - t)
            strong = t == int(t)
            if strong and rng.random() < 0.6:
                tones = [q + 12 * k for q in chords[b] for k in (0, 1, 2)]
                p = min(tones, key=lambda q: abs(q - p) + rng.random())
            phrase.append(Note(b * 4 + t, length * 0.98, p, 90))
            p = in_scale(int(np.clip(p + rng.choice([-4, -2, -2, -1, 0, 0, 1, 2, 2, 3, 5]), 52, 70)), key, scale)
            t += length
        if phrase:
            phrases.append(phrase)
    return phrases


def weights(density: float) -> np.ndarray:
    fast = np.array([2.0, 4, 4, 2, 1, 0.5, 0.2, 0.1])
    slow = np.array([0.1, 1, 1, 1, 3, 3, 2.5, 1])
    w = density * fast / fast.sum() + (1 - density) * slow / slow.sum()
    return w / w.sum()
