"""Renders the page's demo songs: words sung by speech synthesizers, played with a soundfont.

    python training/songs/render.py [--only NAME] [--stems DIR]

Writes www/songs/NAME.mp3 and NAME.lrc, and prints what can be measured of each: how loud voices and
band are, the highest peak, and how far the sung pitches are from the score. The same command gives
the same samples on the same machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

# Every line is rendered alone; several threads would only be in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "stems"))
import band  # noqa: E402
import effects  # noqa: E402
import numpy as np  # noqa: E402
import scores  # noqa: E402
import singing  # noqa: E402
import soundfile  # noqa: E402
from material import RATE, decode  # noqa: E402
from scores import Sung, Tone  # noqa: E402
from songs import Note  # noqa: E402
from voice import Style  # noqa: E402

TOP = Path(__file__).resolve().parent.parent.parent
# The soundfont of Debian's fluid-soundfont-gm 3.1-5.3 (MIT licence).
FONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
# 64 kbit/s keep a song of half a minute near 250 kB, and all below 11 kHz, of which the model hears 8.
BITRATE = "64k"
# The highest peak before encoding: MP3 overshoots by up to about 1 dB.
PEAK = 0.8


@dataclass
class Rendered:
    title: str
    artist: str
    stems: dict[str, np.ndarray]
    lines: list[list[Sung]] = field(default_factory=list)
    unit: float = 1.0
    # What was sung, for the measurement: samples, score and transposition of each voice.
    voices: dict[str, tuple[np.ndarray, list[list[Sung]], int]] = field(default_factory=dict)


def level(x: np.ndarray, rms: float) -> np.ndarray:
    """Scaled so that the tenths of a second in which it sounds have this root mean square."""
    power = (x[: len(x) // 4410 * 4410].astype(np.float64) ** 2).reshape(-1, 4410).mean(1)
    loud = power[power > power.max() * 1e-3]
    return x * np.float32(rms / np.sqrt(loud.mean())) if len(loud) and loud.mean() > 1e-12 else x


def play(program: int, tones: list[Tone], unit: float, seconds: float, velocity: int, held: float = 0.97, channel: int = 0) -> np.ndarray:
    # At 60 beats a minute, a beat is a second.
    notes = [Note(t.start * unit, held * t.length * unit, t.pitch, velocity) for t in tones]
    return band.synthesize(FONT, 60, [(channel, program, notes)], seconds)


def beats(hits: list[tuple[float, int, int]], unit: float, seconds: float) -> np.ndarray:
    """Percussion: (time, General MIDI key, velocity)."""
    return band.synthesize(FONT, 60, [(9, 0, [Note(t * unit, 0.1, key, v) for t, key, v in hits])], seconds)


def room(x: np.ndarray, rng, wet: float, seconds: float) -> np.ndarray:
    return effects.reverb(x, rng, wet, seconds)


def lift() -> Rendered:
    """A choir of four synthetic voices with piano and organ, solemn and slow."""
    rng = np.random.default_rng(1)
    unit, intro = 60 / 72 / 3, 9.0
    parts = {name: scores.tones(line, intro) for name, line in scores.LIFT.items()}
    seconds = (intro + 3 + 6 * 15 + 2) * unit + 1.2
    lines = {name: scores.sung(tones, scores.LIFT_WORDS) for name, tones in parts.items()}
    # The soprano leads; the others are behind her, each in the register of a voice of espeak-ng.
    choir = {"soprano": ("en-us+f2", 1.0), "alto": ("en-gb+f3", 0.35), "tenor": ("en-us+m3", 0.5), "bass": ("en-gb+m7", 0.45)}
    style = {"soprano": Style(35, 5.2, 7, 1.03, 0.05, 7, 0.1), "alto": Style(28, 5.0, 8, 1.0, 0.1, 9, 0.0),
             "tenor": Style(30, 5.5, 8, 1.0, 0.05, 8, 0.1), "bass": Style(24, 4.8, 9, 0.96, 0.05, 9, 0.0)}
    voices = {n: singing.sing(lines[n], speaker, style[n], unit, seconds, 0, rng) for n, (speaker, _) in choir.items()}
    choir_sound = sum(level(x, 0.1 * choir[n][1]) for n, x in voices.items())
    # Two bars before the voices come in: the last line's chords, as a pianist gives the note.
    before = [Tone(start, 3, scores.pitch(p)) for start, chord in ((3, "Db3 F3 Bb3 Db4"), (6, "Eb3 G3 Bb3 Db4")) for p in chord.split()]
    before += [Tone(0, 3, scores.pitch(p)) for p in "Ab2 Eb3 Ab3 C4".split()]
    everyone = [t for tones in parts.values() for t in tones]
    piano = play(0, before + everyone, unit, seconds, 82) + play(0, [Tone(t.start, t.length, t.pitch - 12) for t in parts["bass"]], unit, seconds, 75)
    organ = play(19, everyone, unit, seconds, 62)
    low = play(43, [Tone(t.start, t.length, t.pitch - 12) for t in parts["bass"]], unit, seconds, 70)
    roll = [(intro + 3 + 6 * bar, 49, 52) for bar in (0, 8, 15)]
    roll += [(intro + 3 + 6 * bar + i * 3, 36, 50) for bar in range(8, 16) for i in (0, 1)]
    stems = {
        "vocals": room(level(choir_sound, 0.105), rng, 0.12, 1.6),
        "drums": room(level(beats(roll, unit, seconds), 0.03), rng, 0.2, 1.6),
        "bass": level(low, 0.04),
        "other": room(level(level(piano, 0.06) + level(organ, 0.03), 0.075), rng, 0.1, 1.6),
    }
    sung = {n: (voices[n], lines[n], 0) for n in choir}
    return Rendered("Lift Every Voice and Sing", "James Weldon Johnson and J. Rosamond Johnson", stems, lines["soprano"], unit, sung)


# Pitch classes from the root on.
CHORDS = {"G": (7, 11, 14), "C": (0, 4, 7), "D": (2, 6, 9, 12), "A": (9, 13, 16), "Am": (9, 12, 16)}


def jingle() -> Rendered:
    """One voice with banjo, piano, bass, drums and sleigh bells, quick and bright."""
    rng = np.random.default_rng(2)
    unit, intro, down = 60 / 214, 8.0, -12
    melody = scores.tones(scores.JINGLE, intro)
    lines = scores.sung(melody, scores.JINGLE_WORDS)
    chords = scores.JINGLE_CHORDS.split()
    seconds = (intro + 4 * len(chords)) * unit + 1.2
    singer = singing.sing(lines, "en-us+m3", Style(18, 5.8, 5, 1.02, 0.02, 6, 0.3), unit, seconds, down, rng)
    banjo, piano, bass = [], [], []
    for bar, name in enumerate(["G", "D", *chords]):
        at, root, tones = 4.0 * bar, CHORDS[name][0], CHORDS[name]
        bass += [Tone(at, 0.9, 36 + root % 12), Tone(at + 2, 0.9, 36 + (root + 7) % 12)]
        piano += [Tone(at + beat, 0.5, 60 + p) for beat in (1, 3) for p in tones]
        banjo += [Tone(at + i / 2, 0.5, 60 + (tones + (tones[0] + 12,))[i % (len(tones) + 1)]) for i in range(8)]
    last = 4.0 * (len(chords) + 2)
    piano += [Tone(last - 1, 1.5, 60 + p) for p in CHORDS["G"]]
    # The clarinet answers where the singer breathes, and plays the chorus along.
    clarinet = scores.tones("B4/1 D5/1 G4/1.5 A4/.5 | F#4/1 A4/1 D5/2")
    clarinet += [Tone(t.start, t.length, t.pitch) for t in melody if t.start >= intro + 64]
    hits = [(4.0 * bar + i, key, v) for bar in range(len(chords) + 2) for i, key, v in
            ((0, 36, 96), (2, 36, 84), (1, 38, 88), (3, 38, 92), (0.5, 42, 60), (1.5, 42, 60), (2.5, 42, 60), (3.5, 42, 60))]
    hits += [(i / 1.0, 83, 90) for i in range(int(last))] + [(intro + 64, 49, 90), (intro, 49, 75)]
    stems = {
        "vocals": room(level(effects.compress(singer, rng), 0.12), rng, 0.03, 0.5),
        "drums": level(beats(hits, unit, seconds), 0.06),
        "bass": level(play(32, bass, unit, seconds, 100), 0.06),
        "other": room(level(sum(level(x, r) for x, r in ((play(3, piano, unit, seconds, 85), 0.04), (play(105, banjo, unit, seconds, 85, 1.2), 0.035),
                                                      (play(71, clarinet, unit, seconds, 85), 0.03))), 0.06), rng, 0.03, 0.5),
    }
    return Rendered("Jingle Bells", "James Lord Pierpont", stems, lines, unit, {"singer": (singer, lines, down)})


def hall() -> Rendered:
    """An instrumental for distorted guitars, bass, drums and strings that gets faster and faster."""
    rng = np.random.default_rng(3)
    order = ["theme", "theme", "answer", "theme"]
    slow, fast = 118.0, 172.0

    def when(beat: float) -> float:
        """Seconds at a beat, where the tempo rises evenly with the beats."""
        rise = (fast - slow) / (16.0 * len(order))
        return 60 / rise * np.log1p(rise * beat / slow)

    def timed(tones: list[Tone], shift: int = 0) -> list[Tone]:
        return [Tone(when(t.start), when(t.start + t.length) - when(t.start), t.pitch + shift) for t in tones]

    melody, roots, hits = [], [], []
    for part, name in enumerate(order):
        at = 16.0 * part
        melody.append(scores.tones(scores.HALL_THEME if name == "theme" else scores.HALL_ANSWER, at))
        for half, root in enumerate(scores.HALL_ROOTS[name].split()):
            roots += [Tone(at + 2 * half + i / 2, 0.5, scores.pitch(root + "1") + (12 if scores.pitch(root + "1") < 33 else 0)) for i in range(4)]
        for i in range(16):
            hits += [(at + i, 36, 105)] + ([(at + i, 38, 108)] if i % 2 else []) + [(at + i + h, 42, 70 + 20 * (h == 0)) for h in (0, 0.5)]
            hits += [(at + i + 0.5, 36, 100)] if part else []
        hits += [(at, 49, 110)] + ([(at + 15 + i / 4, 47, 100) for i in range(4)])
    end = 16.0 * len(order)
    hits += [(end, 49, 120), (end, 36, 110), (end, 38, 110)]
    final = [Tone(end, 3, scores.pitch(p)) for p in ("B2", "F#3", "B3")]
    seconds = when(end) + 2.2
    guitar = timed([t for line in melody for t in line], 12)
    fifths = timed([t for line in melody[1:] for t in line], 19)
    chug = [Tone(when(t.start), 0.8 * (when(t.start + 0.5) - when(t.start)), t.pitch + d) for t in roots for d in (12, 19)]
    strings = timed([t for line in melody[2:] for t in line], 24) + timed([t for line in melody[2:] for t in line], 36)
    end_chord = timed(final)
    stems = {
        "vocals": np.zeros(int(seconds * RATE), np.float32),
        "drums": room(level(effects.compress(beats([(when(t), k, v) for t, k, v in hits], 1, seconds), rng), 0.1), rng, 0.03, 0.5),
        "bass": level(effects.distort(play(34, timed(roots) + timed([Tone(end, 3, 35)]), 1, seconds, 110), 2.5), 0.08),
        "other": room(level(level(effects.distort(play(30, guitar + fifths + end_chord, 1, seconds, 110), 3.5), 0.07)
                            + level(effects.distort(play(29, chug, 1, seconds, 110, 0.7), 4.0), 0.05)
                            + level(play(48, strings, 1, seconds, 100), 0.03), 0.1), rng, 0.02, 0.7),
    }
    return Rendered("In the Hall of the Mountain King", "Edvard Grieg", stems)


SONGS = {"lift-every-voice": lift, "jingle-bells": jingle, "mountain-king": hall}


def lrc(song: Rendered) -> str:
    out = [f"[ti:{song.title}]", f"[ar:{song.artist}]"]
    for line in song.lines:
        cents = round(100 * line[0].tones[0].start * song.unit)
        out.append(f"[{cents // 6000:02}:{cents % 6000 / 100:05.2f}]{scores.text(line)}")
    last = song.lines[-1][-1].tones[-1]
    cents = round(100 * (last.start + last.length) * song.unit)
    # An empty line ends the last one.
    return "\n".join(out + [f"[{cents // 6000:02}:{cents % 6000 / 100:05.2f}]"]) + "\n"


def encode(song: Rendered, mix: np.ndarray, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wav = str(Path(folder) / "mix.wav")
        soundfile.write(wav, mix, RATE, subtype="PCM_16")
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-i", wav, "-c:a", "libmp3lame", "-b:a", BITRATE, "-ac", "1", "-map_metadata", "-1",
             "-metadata", f"title={song.title}", "-metadata", f"artist={song.artist}", "-fflags", "+bitexact", "-id3v2_version", "3", str(path)],
            check=True,
        )


def decibel(x: np.ndarray) -> str:
    return f"{20 * np.log10(np.sqrt(np.mean(x.astype(np.float64) ** 2)) + 1e-12):6.1f}"


def measure(name: str, song: Rendered, path: Path) -> None:
    heard = decode(str(path))
    print(f"{name}: {len(heard) / RATE:.1f} s, {path.stat().st_size / 1000:.0f} kB, peak {np.abs(heard).max():.2f}, {decibel(heard)} dB")
    for stem, x in song.stems.items():
        print(f"  {stem:7} {decibel(x)} dB")
    if song.voices:
        rest = sum(x for n, x in song.stems.items() if n != "vocals")
        on = np.abs(song.stems["vocals"]) > 0.02
        print(f"  where there is singing, voice {decibel(song.stems['vocals'][on])} dB, band {decibel(rest[on])} dB")
    for voice, (x, lines, transpose) in song.voices.items():
        off = singing.cents_off(x, lines, song.unit, transpose)
        good = np.abs(off) < 50
        print(f"  {voice}: {good.sum()} of {len(off)} notes within 50 cents, median {np.nanmedian(np.abs(off)):.0f} cents, no pitch in {np.isnan(off).sum()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SONGS)
    parser.add_argument("--out", type=Path, default=TOP / "www/songs")
    parser.add_argument("--stems", type=Path, help="also write the stems as WAV files here")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    for name in [a.only] if a.only else SONGS:
        song = SONGS[name]()
        loudest = np.abs(sum(song.stems.values())).max()
        song.stems = {n: x * np.float32(PEAK / loudest) for n, x in song.stems.items()}
        encode(song, sum(song.stems.values()), a.out / f"{name}.mp3")
        if song.lines:
            (a.out / f"{name}.lrc").write_text(lrc(song))
        for stem, x in song.stems.items() if a.stems else ():
            (a.stems / name).mkdir(parents=True, exist_ok=True)
            soundfile.write(a.stems / name / f"{stem}.wav", x, RATE, subtype="PCM_16")
        measure(name, song, a.out / f"{name}.mp3")


if __name__ == "__main__":
    main()
