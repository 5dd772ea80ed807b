"""Renders songs whose stems are known exactly: vocals, drums, bass and other, 44.1 kHz mono.

    python training/stems/render.py --work WORK --songs 300 --jobs 2          # to learn from: WORK/songs/NNNN.npy
    python training/stems/render.py --work WORK --held-out --songs 8 --wav OUT  # OUT/NAME/{mixture,vocals,...}.wav

A song depends on its number and on the side of the split only. Held-out songs use voices, drum kits,
loops and a soundfont that no other song uses, and numbers (seeds of composition) of their own.
"""

import argparse
import os
import pickle
import sys
import traceback
from multiprocessing import Pool
from pathlib import Path

# One thread each: there is a process per core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
import band  # noqa: E402
import effects  # noqa: E402
import material  # noqa: E402
import numpy as np  # noqa: E402
import songs  # noqa: E402
import soundfile  # noqa: E402
import voice  # noqa: E402
from material import RATE  # noqa: E402

TARGETS = ("vocals", "drums", "bass", "other")
SECONDS = 24.0
STYLES = list(songs.STYLES)


def voices(work: Path, m: material.Material, names: list[str]) -> list[voice.Voice]:
    """Voices from the cache, taken apart if they aren't there."""
    found = []
    for name in names:
        path = work / "voices" / f"{name}.pkl"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_bytes(pickle.dumps(voice.learn(name, m.voices[name], 1)))
            part.rename(path)
        v = pickle.loads(path.read_bytes())
        if v is not None:
            found.append(v)
    return found


def vocals(song: songs.Song, singer: voice.Voice, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """The lead, perhaps doubled, perhaps with a second voice in harmony; or speech on the beat."""
    beat = song.seconds_per_beat
    if song.rap and singer.spoken and rng.random() < 0.7:
        y = voice.recite(singer, [p[0].start * beat for p in song.sung], seconds, rng)
    else:
        # To where the singer is comfortable: between their speaking pitch and an octave above it.
        notes = [n for p in song.sung for n in p]
        if not notes:
            return np.zeros(int(seconds * RATE), np.float32)
        mean = np.mean([n.pitch for n in notes])
        aim = 69 + 12 * np.log2(singer.pitch / 440) + rng.uniform(0, 10)
        shift = int(round(aim - mean)) if song.rap else 12 * int(round((aim - mean) / 12))
        words = list(rng.integers(0, len(singer.syllables), len(notes)))
        if rng.random() < 0.5:
            # A refrain: the words come again.
            half = len(words) // 2
            words[half : 2 * half] = words[:half]
        style = voice.Style.random(rng)

        def line(interval: int, loose: float) -> np.ndarray:
            frames = []
            for n in notes:
                a = int((n.start * beat + rng.normal(0, loose)) * 1000 / voice.FRAME_MS) - 8
                frames.append((max(0, a), max(10, int(n.length * beat * 1000 / voice.FRAME_MS)), n.pitch + shift + interval))
            return voice.sing(singer, style, frames, seconds, words, rng)

        y = line(0, 0.012)
        if rng.random() < 0.3:
            y = y + line(int(rng.choice([0, 0, 4, -5, 7, 12, -12])), 0.025) * rng.uniform(0.3, 0.9)
    y = effects.tone(y, rng, 3, low_cut=float(rng.choice([60, 100, 160])))
    if rng.random() < 0.75:
        y = effects.compress(y, rng)
    if rng.random() < 0.08:
        y = effects.distort(y, rng.uniform(1.5, 5))
    if rng.random() < 0.25:
        y = effects.echo(y, beat * float(rng.choice([0.5, 0.75, 1])), rng.uniform(0.1, 0.4))
    if rng.random() < 0.85:
        y = effects.reverb(y, rng, rng.uniform(0.01, 0.35), rng.uniform(0.3, 2.8))
    return y


def level(x: np.ndarray, rms: float) -> np.ndarray:
    """Scaled so that the parts where it sounds have this root mean square."""
    power = (x[: len(x) // 4410 * 4410].astype(np.float64) ** 2).reshape(-1, 4410).mean(1)
    loud = power[power > power.max() * 1e-3]
    return x * (rms / np.sqrt(loud.mean())) if len(loud) and loud.mean() > 1e-12 else x


def render(number: int, m: material.Material, work: Path, held_out: bool) -> tuple[str, np.ndarray]:
    """Name and stems [4, samples] of a song; their sum stays within full scale."""
    rng = np.random.default_rng([7, int(held_out), number])
    style = STYLES[number % len(STYLES)]
    song = songs.compose(rng, SECONDS, style)
    names = sorted(m.voices)
    # Three of four lines by a person rather than by a synthesizer.
    people = [n for n in names if m.voices[n]]
    singer = []
    while not singer:
        singer = voices(work, m, [str(rng.choice(people if rng.random() < 0.75 else names))])
    stems = np.stack([
        level(vocals(song, singer[0], SECONDS, rng), 0.11 * 10 ** (rng.normal(0, 2) / 20)),
        level(band.drums(song, m, SECONDS, rng), 0.12 * 10 ** (rng.normal(0, 2) / 20)),
        level(band.bass(song, m, SECONDS, rng), 0.09 * 10 ** (rng.normal(0, 2) / 20)),
        level(band.other(song, m, SECONDS, rng), 0.09 * 10 ** (rng.normal(0, 2) / 20)),
    ])
    peak = np.abs(stems.sum(0)).max()
    return f"{number:04d}-{style}-{singer[0].name}", (stems * min(1.0, 0.95 / (peak + 1e-9))).astype(np.float32)


def to_int16(x: np.ndarray) -> np.ndarray:
    return np.round(np.clip(x, -1, 1) * 32767).astype(np.int16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("training/work"))
    parser.add_argument("--songs", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--wav", type=Path, help="write WAV folders here instead of WORK/songs")
    parser.add_argument("--jobs", type=int, default=2)
    a = parser.parse_args()
    material.fetch(a.work, backing=False)
    with Pool(a.jobs, start, (a.work, a.held_out, a.wav)) as pool:
        for i, name in enumerate(pool.imap_unordered(one, range(a.first, a.first + a.songs))):
            if i % 20 == 0 or a.wav:
                print(f"{i + 1}/{a.songs} {name}", flush=True)


def start(work: Path, held_out: bool, wav: Path | None) -> None:
    global CONTEXT
    CONTEXT = (work, held_out, wav, material.load(work / "unpacked", held_out))


def one(number: int) -> str:
    work, held_out, wav, m = CONTEXT
    folder = work / ("songs-held-out" if held_out else "songs")
    path = folder / f"{number:04d}.npy"
    if path.exists() and wav is None:
        return path.stem
    try:
        name, stems = render(number, m, work, held_out)
    except Exception as error:
        # A recording that can't be used costs one song, which is reported.
        print(f"song {number}: {error!r}", traceback.format_exc().splitlines()[-3:], file=sys.stderr, flush=True)
        return f"{number} failed"
    if wav is None:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{number:04d}.part.npy"
        np.save(part, to_int16(stems))
        part.rename(path)
    else:
        (wav / name).mkdir(parents=True, exist_ok=True)
        whole = to_int16(stems)
        for target, x in zip(TARGETS, whole):
            soundfile.write(wav / name / f"{target}.wav", x, RATE, subtype="PCM_16")
        # The sum of what is stored, so that the stems add up to it exactly.
        soundfile.write(wav / name / "mixture.wav", np.clip(whole.astype(np.int32).sum(0), -32768, 32767).astype(np.int16), RATE, subtype="PCM_16")
    return name


if __name__ == "__main__":
    main()
