"""Songs of 5.12 s out of plain arithmetic: four stems, eight segments, and in some segments a drum roll.

A segment has eight steps of 80 ms. The planted pattern is a snare roll: a hit on each of the eight
steps. The same snare plays much else, so that neither its sound, nor its loudness, nor a few quick
hits give the roll away: pulses on every other step, doubles, loose hits, and a brush that hisses
through the whole segment. Hats and plucked strings run through all eight steps too.
"""

import numpy as np

RATE = 8_000
SEGMENTS = 8
STEPS = 8
STEP = 640
SEGMENT = STEP * STEPS
SAMPLES = SEGMENT * SEGMENTS
STEMS = ["vocals", "drums", "bass", "other"]
ROLL = "roll"
# What else the snare does in a segment, and how often.
DECOYS = {"rest": 0.2, "loose": 0.25, "pulses": 0.2, "doubles": 0.2, "brush": 0.15}


def _decay(samples: int, seconds: float) -> np.ndarray:
    return np.exp(-np.arange(samples) / (seconds * RATE))


def _sweep(high: float, low: float, seconds: float, samples: int) -> np.ndarray:
    """A sine that falls from one frequency to another, as struck skins do."""
    hertz = low + (high - low) * _decay(samples, seconds / 4)
    return np.sin(2 * np.pi * np.cumsum(hertz) / RATE) * _decay(samples, seconds)


def _rattle(rng, samples: int) -> np.ndarray:
    """Noise without its lows: the difference of neighbours."""
    return np.diff(rng.normal(size=samples + 1)) * 0.6


def _snare(rng, kit: dict) -> np.ndarray:
    n = 600
    tone = _sweep(kit["snare"] * 1.3, kit["snare"], 0.03, n)
    return 0.5 * tone + 0.6 * _rattle(rng, n) * _decay(n, kit["snare_decay"])


def _add(track: np.ndarray, at: float, sound: np.ndarray, gain: float):
    at = max(0, int(at))
    part = track[at : at + len(sound)]
    part += gain * sound[: len(part)]


def _snare_steps(rng, figure: str) -> list[int]:
    if figure == ROLL:
        return list(range(STEPS))
    if figure == "pulses":
        return list(range(int(rng.integers(2)), STEPS, 2))
    if figure == "doubles":
        first = int(rng.integers(0, 3))
        return [first, first + 1, first + 4, first + 5][: int(rng.choice([2, 4]))]
    if figure == "loose":
        # At most five hits and never three in a row.
        while True:
            steps = sorted(rng.choice(STEPS, int(rng.integers(1, 6)), replace=False).tolist())
            if not any({s, s + 1, s + 2} <= set(steps) for s in steps):
                return steps
    return []


def figures(rng, rolls: set[int]) -> list[str]:
    """What the snare does in each segment: the roll in `rolls`, decoys elsewhere."""
    names, odds = list(DECOYS), list(DECOYS.values())
    return [ROLL if s in rolls else str(rng.choice(names, p=odds)) for s in range(SEGMENTS)]


def drums(rng, snare: list[str]) -> np.ndarray:
    """Snare figures as told; kick, hats and toms as they come."""
    track = np.zeros(SAMPLES)
    kit = {"snare": rng.uniform(170, 230), "snare_decay": rng.uniform(0.015, 0.03)}
    kick, hat_decay = rng.uniform(42, 60), rng.uniform(0.008, 0.025)
    kick_gain, hat_gain, snare_gain = rng.uniform(0, 0.8), rng.uniform(0, 0.3), rng.uniform(0.5, 0.8)
    kick_steps = rng.random(STEPS) < 0.3
    for s, figure in enumerate(snare):
        start = s * SEGMENT
        for step in range(STEPS):
            at = start + step * STEP + rng.normal(0, 16)
            if kick_steps[step] or rng.random() < 0.06:
                _add(track, at, _sweep(160, kick, 0.09, 1500), kick_gain * rng.uniform(0.7, 1.1))
        every = int(rng.choice([1, 2, 2, 4, 8]))
        for step in range(0, STEPS, every):
            _add(track, start + step * STEP + rng.normal(0, 16), np.diff(_rattle(rng, 501)) * _decay(500, hat_decay), hat_gain * rng.uniform(0.6, 1.1))
        if rng.random() < 0.25:
            for step in rng.choice(STEPS, int(rng.integers(1, 5)), replace=False):
                _add(track, start + step * STEP, _sweep(rng.uniform(120, 260), 90, 0.08, 1600), rng.uniform(0.2, 0.7))
        # Fewer hits are often as loud together as the roll's eight.
        level = snare_gain * 10 ** (rng.uniform(-3, 3) / 20)
        steps = _snare_steps(rng, figure)
        if figure != ROLL and steps and rng.random() < 0.6:
            level *= (STEPS / len(steps)) ** 0.5
        for step in steps:
            at = start + step * STEP + (0 if step == 0 else rng.normal(0, 20))
            # A segment's hits end with it, so that a pattern never leaks into the next cell.
            sound = _snare(rng, kit)[: max(0, start + SEGMENT - int(at))]
            _add(track, at, sound, level * rng.uniform(0.8, 1.15))
        if figure == "brush":
            shape = np.sin(np.pi * np.arange(SEGMENT) / SEGMENT) ** rng.uniform(0.3, 1.5)
            _add(track, start, _rattle(rng, SEGMENT) * shape, 0.35 * level)
    return track * 0.5


def _saw(hertz: np.ndarray, top: int) -> np.ndarray:
    """A sawtooth of its first harmonics, so that nothing folds back at the upper end."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return sum(np.sin(k * phase) / k for k in range(1, top + 1))


def _fade(samples: int, seconds: float = 0.01) -> np.ndarray:
    edge = np.minimum(1, np.arange(samples) / (seconds * RATE))
    return edge * edge[::-1]


def bass(rng) -> np.ndarray:
    """Low notes of random length."""
    track, at, root = np.zeros(SAMPLES), 0, rng.uniform(41, 62)
    top = int(rng.integers(2, 7))
    while at < SAMPLES:
        n = STEP * int(rng.choice([1, 2, 2, 4, 8]))
        if rng.random() < 0.85:
            hertz = root * 2 ** (rng.choice([0, 0, 3, 5, 7, 10]) / 12)
            note = _saw(np.full(n, hertz), top) * _fade(n) * _decay(n, rng.uniform(0.15, 1.0))
            _add(track, at, note, rng.uniform(0.8, 1.1))
        at += n
    return track * rng.uniform(0.05, 0.2)


def other(rng) -> np.ndarray:
    """Held chords, or broken ones on every step or two."""
    track, at, root = np.zeros(SAMPLES), 0, rng.uniform(150, 300)
    broken, top = rng.random() < 0.5, int(rng.integers(1, 7))
    length = STEP * int(rng.choice([1, 1, 2] if broken else [4, 8, 16]))
    while at < SAMPLES:
        chord = root * 2 ** ((rng.choice([0, 0, 5, 7, 9]) + np.array([0, int(rng.choice([3, 4])), 7, 12])) / 12)
        if broken:
            note = _saw(np.full(length, rng.choice(chord)), top) * _fade(length, 0.004) * _decay(length, 0.06)
            _add(track, at, note, 2.0)
        elif rng.random() < 0.9:
            note = sum(_saw(np.full(length, h * 2 ** rng.normal(0, 0.002)), top) for h in chord[: int(rng.integers(2, 5))])
            _add(track, at, note * _fade(length, 0.03), 0.5)
        at += length
    return track * rng.uniform(0.03, 0.13)


VOWELS = np.array([[750, 1200, 2500], [500, 1900, 2500], [300, 2200, 2900], [480, 850, 2400], [330, 750, 2300]])


def vocals(rng) -> np.ndarray:
    """Sung vowels between hissing consonants: harmonics under three formants."""
    track, at, base = np.zeros(SAMPLES), 0, rng.uniform(110, 280)
    while at < SAMPLES:
        n = int(rng.uniform(0.12, 0.6) * RATE)
        if rng.random() < 0.75:
            hertz = base * 2 ** (rng.choice([-5, -3, 0, 0, 2, 4, 7]) / 12)
            t = np.arange(n) / RATE
            pitch = hertz * (1 + 0.01 * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * t))
            phase = 2 * np.pi * np.cumsum(pitch) / RATE
            formants = VOWELS[rng.integers(len(VOWELS))]
            voice = np.zeros(n)
            for k in range(1, int(3_800 / hertz) + 1):
                gain = sum(w / (1 + ((k * hertz - f) / 120) ** 2) for f, w in zip(formants, (1, 0.5, 0.25)))
                voice += (0.02 + gain) * np.sin(k * phase)
            _add(track, at, voice * _fade(n, 0.03), 1.0)
            if rng.random() < 0.5:
                hiss = int(rng.uniform(0.03, 0.1) * RATE)
                _add(track, at, _rattle(rng, hiss) * _fade(hiss), rng.uniform(0.1, 0.6))
        at += n + int(rng.uniform(0, 0.25) * RATE)
    return track * rng.uniform(0.05, 0.18)


def stored(track: np.ndarray) -> np.ndarray:
    """16-bit samples, each stem within a quarter of the range, so that four never pass it together."""
    return np.clip(np.round(track * 0.15 * 32768), -8191, 8191).astype(np.int16)
