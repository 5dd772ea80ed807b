"""What the songs are made of, beside composed notes: voices, drum kits, soundfonts and real music, all from Debian.

The packages are fetched and unpacked by ../sources.py; nothing of them is committed. Voices, kits
and one soundfont are held out, so that figures are of sounds that no network was trained on.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import sources  # noqa: E402

RATE = 44_100

# package -> version of Debian 12 (bookworm).
PACKAGES = {
    "fluid-soundfont-gm": "3.1-5.3",
    "timgm6mb-soundfont": "1.3-5",
    "musescore-general-soundfont-small": "0.2.1-1",
    "hydrogen-drumkits": "2017.09.19~dfsg-1",
    "sonic-pi-samples": "3.2.2~repack-8",
    "klettres-data": "4:22.12.3-1",
    "ktuberling-data": "4:22.12.3-1",
    "hedgewars-data": "1.0.2-6",
    "asterisk-core-sounds-en-g722": "1.6.1-1",
    "asterisk-core-sounds-fr-g722": "1.6.1-1",
    "asterisk-core-sounds-it-g722": "1.6.1-1",
    "asterisk-core-sounds-ru-g722": "1.6.1-1",
}
# Real music without vocals, which is of use as backing; package -> version and album -> files as in ../sources.py.
BACKING = {
    "fretsonfire-songs-muldjord": "2.dfsg-2.1",
    "fretsonfire-songs-sectoid": "1.dfsg-3.1",
    "nexuiz-music": "2.5.2-12",
    "singularity-music": "007-2",
    "hyperrogue-music": "12.0q-1",
    "wesnoth-1.16-music": "1:1.16.9-1",
    "flare-game": "1.14-1",
}
BACKING_ALBUMS = [a for a in sources.ALBUMS if a[0] in BACKING] + [
    ("fretsonfire-songs-sectoid", "usr/share/games/fretsonfire/data/songs/sectoid/*/song.ogg"),
    ("wesnoth-1.16-music", "usr/share/games/wesnoth/1.16/data/core/music/*.ogg"),
]

SOUNDFONTS = {
    "fluid": "fluid-soundfont-gm/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "musescore": "musescore-general-soundfont-small/usr/share/sounds/sf3/MuseScore_General_Lite.sf3",
    "timgm": "timgm6mb-soundfont/usr/share/sounds/sf2/TimGM6mb.sf2",
}
HELD_OUT_SOUNDFONTS = {"timgm"}

KLETTRES = "klettres-data/usr/share/klettres"
KTUBERLING = "ktuberling-data/usr/share/ktuberling/sounds"
HEDGEWARS = "hedgewars-data/usr/share/games/hedgewars/Data/Sounds/voices"
ASTERISK = "asterisk-core-sounds-{}-g722/usr/share/asterisk/sounds"

# Recordings below 16 kHz, and the same speaker under another name, are left out.
VOICE_FOLDERS = {
    **{f"klettres-{x}": f"{KLETTRES}/{x}" for x in
       "ar cs da de en en_GB es fr he hu it lt ml nds nl pt_BR ru tn uk".split()},
    **{f"ktuberling-{x}": f"{KTUBERLING}/{x}" for x in "ca da de el en fr ga gl lt ro ru sl uk wa".split()},
    **{f"hedgewars-{x}": f"{HEDGEWARS}/{x}" for x in
       "British Classic Default Default_es Default_pl Default_ru Default_uk HillBilly Mobster Pirate Russian Singer Surfer".split()},
    **{f"asterisk-{x}": ASTERISK.format(x) for x in "en fr it ru".split()},
}
# Two speech synthesizers add voices whose text can be chosen; flite's four are built from recordings.
FLITE = ["slt", "rms", "awb", "kal16"]
ESPEAK = ["en-us", "en-gb", "en-us+f2", "en-gb+f3", "en-us+f4", "en-gb-scotland+m3", "en-us+m4", "en-gb+m7",
          "en-us+klatt2", "en-gb+klatt4", "it+f2", "es+m2", "de+f4", "fr-fr+m5"]
HELD_OUT_VOICES = {"klettres-en_GB", "klettres-fr", "ktuberling-en", "ktuberling-gl", "ktuberling-uk", "hedgewars-Singer",
                   "hedgewars-Default_es", "asterisk-it", "flite-rms", "espeak-en-us+f4", "espeak-en-us+m4"}

KITS = "hydrogen-drumkits/usr/share/hydrogen/data/drumkits"
SONIC_PI = "sonic-pi-samples/usr/share/sonic-pi/samples"
HELD_OUT_KITS = {"BJA_Pacific", "VariBreaks"}
# Loops of drums alone among sonic-pi's.
LOOPS = ["loop_amen", "loop_amen_full", "loop_breakbeat", "loop_compus", "loop_industrial", "loop_tabla",
         "loop_mehackit1", "loop_mehackit2", "loop_safari", "loop_3d_printer"]
HELD_OUT_LOOPS = {"loop_compus", "loop_mehackit2"}

# What a sample's file name says it is; the first that matches counts.
DRUM_NAMES = [
    ("open", r"hat.*op|open.?h|ohh|hh.?o|hh.*open|cymbal_open"),
    ("hat", r"hat|hh|chh|cymbal_closed|cymbal_pedal"),
    ("kick", r"kick|bass.?drum|(^|[ _])bd|^kd|hse_k|hollow_kick"),
    ("clap", r"clap|snap"),
    ("rim", r"rim|stick|side"),
    ("snare", r"snare|(^|[ _])sn|(^|[ _])sd"),
    ("crash", r"crash|cra_|splash|cymbal_hard|china"),
    ("ride", r"ride|(^|[ _])rc|cymbal_soft|bell"),
    ("tom", r"tom|floor"),
    ("hand", r"conga|bongo|djembe|shaker|tamb|cabasa|marac|cowbell|agogo|block|perc|doun|tabla"),
]


@dataclass(frozen=True)
class Material:
    """Everything for one side of the split."""

    voices: dict[str, list[str]]
    kits: dict[str, dict[str, list[str]]]
    loops: list[str]
    soundfonts: list[str]
    music: list[sources.Track]


def fetch(work: Path, backing: bool = True) -> Path:
    """Everything; without real music for those who only render."""
    return sources.fetch(work, {**PACKAGES, **(BACKING if backing else {})})


def load(unpacked: Path, held_out: bool) -> Material:
    def mine(name, held):
        return (name in held) == held_out

    folders = {n: f for n, f in VOICE_FOLDERS.items() if mine(n, HELD_OUT_VOICES)}
    voices = {n: sound_files(unpacked / f) for n, f in folders.items()}
    for name in [f"flite-{v}" for v in FLITE] + [f"espeak-{v}" for v in ESPEAK]:
        if mine(name, HELD_OUT_VOICES):
            voices[name] = []
    kits = {p.name: kit(sound_files(p)) for p in sorted((unpacked / KITS).iterdir()) if mine(p.name, HELD_OUT_KITS)}
    if not held_out:
        kits["sonic-pi"] = kit([f for f in sound_files(unpacked / SONIC_PI) if "loop_" not in f and "ambi_" not in f])
    # A kit is of use if it has the three that every beat needs.
    kits = {n: k for n, k in kits.items() if all(k.get(x) for x in ("kick", "snare", "hat"))}
    loops = [str(unpacked / SONIC_PI / f"{x}.flac") for x in LOOPS if mine(x, HELD_OUT_LOOPS)]
    # MuseScore's is compressed and takes ten times as long to read: one part in five.
    fonts = [str(unpacked / f) for n, f in SOUNDFONTS.items() if mine(n, HELD_OUT_SOUNDFONTS) for _ in range(1 if n == "musescore" else 4)]
    learn, held = sources.split(sources.tracks(unpacked, BACKING_ALBUMS), np.random.default_rng(20))
    return Material(voices, kits, loops, fonts, held if held_out else learn)


def sound_files(folder: Path) -> list[str]:
    kinds = {".wav", ".ogg", ".flac", ".aiff", ".g722", ".mp3"}
    return sorted(str(p) for p in folder.rglob("*") if p.suffix.lower() in kinds and p.is_file() and "silence" not in p.parts)


def kit(files: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in files:
        for name, pattern in DRUM_NAMES:
            if re.search(pattern, Path(path).stem, re.IGNORECASE):
                found.setdefault(name, []).append(path)
                break
    return found


def decode(path: str, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
    """Mono samples at 44.1 kHz; nothing if the file can't be decoded."""
    cut = ["-ss", str(start)] + (["-t", str(seconds)] if seconds else [])
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", *cut, "-i", path, "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
    )
    return np.frombuffer(done.stdout, np.float32) if done.returncode == 0 else np.zeros(0, np.float32)
