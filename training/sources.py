"""Free music and text from Debian packages: fetched by apt, unpacked, never committed.

A track's class is the class of the album it comes from. That is crude and is said in the card.
"""

import glob
import os
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

# package -> version of Debian 12 (bookworm). Elsewhere apt's own candidate is taken and reported.
PACKAGES = {
    "fretsonfire-songs-muldjord": "2.dfsg-2.1",
    "fretsonfire-songs-sectoid": "1.dfsg-3.1",
    "nexuiz-music": "2.5.2-12",
    "singularity-music": "007-2",
    "hyperrogue-music": "12.0q-1",
    "wesnoth-1.16-music": "1:1.16.9-1",
    "flare-game": "1.14-1",
    "fortunes": "1:1.99.1-7.3",
    "wamerican": "2020.12.07-2",
}

# class, package, files inside it. Frets on Fire keeps the guitar apart: the two are added up.
ALBUMS = [
    ("metal", "fretsonfire-songs-muldjord", "usr/share/games/fretsonfire/data/songs/muldjord/*/song.ogg"),
    ("metal", "fretsonfire-songs-sectoid", "usr/share/games/fretsonfire/data/songs/sectoid/*/song.ogg"),
    ("electronic", "nexuiz-music", "music/sound/cdtracks/*.ogg"),
    ("ambient", "singularity-music", "usr/share/games/singularity/music/**/*.ogg"),
    ("ambient", "hyperrogue-music", "usr/share/hyperrogue/music/hr3-*.ogg"),
    ("orchestral", "wesnoth-1.16-music", "usr/share/games/wesnoth/1.16/data/core/music/*.ogg"),
    ("orchestral", "flare-game", "usr/share/games/flare/mods/fantasycore/music/*.ogg"),
]
# Second versions of another track (a copy must not sit on both sides of the split), a rock
# ballad among the metal, and recordings that are no music.
LEFT_OUT = {"sixtyfour_revisited", "frantic-old", "battle-epic", "Feelings", "thunder", "silence", "wind_ambient"}

# Topics of Debian's fortunes whose sentences serve as text without a class.
FORTUNES = ["miscellaneous", "people", "wisdom", "work", "food", "pets", "science", "education", "law", "kids"]


@dataclass(frozen=True)
class Track:
    """One recording: its class, where it comes from, and its files, which are added up."""

    label: str
    package: str
    name: str
    files: tuple[str, ...]


def fetch(work: Path, packages: dict[str, str] = PACKAGES) -> Path:
    """Downloads and unpacks the packages (these: about 470 MB) unless that was done before; no root needed."""
    debs, unpacked = work / "debs", work / "unpacked"
    debs.mkdir(parents=True, exist_ok=True)
    for package, version in packages.items():
        target = unpacked / package
        if (target / "done").exists():
            continue
        if not list(debs.glob(f"{package}_*.deb")):
            pinned = subprocess.run(["apt-get", "download", f"{package}={version}"], cwd=debs, capture_output=True)
            if pinned.returncode != 0:
                print(f"{package} {version} is not offered by this apt; taking its own version", flush=True)
                subprocess.run(["apt-get", "download", package], cwd=debs, check=True)
        deb = sorted(debs.glob(f"{package}_*.deb"))[-1]
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(["dpkg-deb", "-x", str(deb), str(target)], check=True)
        for archive in target.rglob("*.pk3"):
            zipfile.ZipFile(archive).extractall(target / archive.stem)
        (target / "done").touch()
        print(f"unpacked {deb.name}", flush=True)
    return unpacked


def tracks(unpacked: Path) -> list[Track]:
    """All tracks in a fixed order."""
    found = []
    for label, package, pattern in ALBUMS:
        for path in sorted(glob.glob(str(unpacked / package / pattern), recursive=True)):
            p = Path(path)
            name = p.parent.name if p.name == "song.ogg" else p.stem
            if name in LEFT_OUT:
                continue
            guitar = p.with_name("guitar.ogg")
            files = (path, str(guitar)) if p.name == "song.ogg" and guitar.exists() else (path,)
            found.append(Track(label, package, name, files))
    return found


def split(all_tracks: list[Track], rng) -> tuple[list[Track], list[Track]]:
    """Tracks to learn from and tracks held out: a quarter of each album, at least one."""
    learn, held = [], []
    for _, package, _ in ALBUMS:
        album = [t for t in all_tracks if t.package == package]
        out = set(rng.permutation(len(album))[: max(1, round(len(album) / 4))].tolist())
        learn += [t for i, t in enumerate(album) if i not in out]
        held += [t for i, t in enumerate(album) if i in out]
    return learn, held


def neutral_texts(unpacked: Path) -> list[str]:
    """Sentences of 3 to 14 words from the fortunes."""
    texts = []
    for topic in FORTUNES:
        path = unpacked / "fortunes/usr/share/games/fortunes" / topic
        if not path.exists():
            continue
        for fortune in path.read_text(encoding="utf-8", errors="replace").split("\n%\n"):
            for sentence in " ".join(fortune.split()).replace("!", ".").replace("?", ".").split("."):
                if 3 <= len(sentence.split()) <= 14 and sentence.isascii() and "--" not in sentence:
                    texts.append(sentence.strip())
    return sorted(set(texts))


def rare_words(unpacked: Path) -> list[str]:
    """English words in lower case, as stand-ins for whatever a real lyric brings along."""
    path = unpacked / "wamerican/usr/share/dict/american-english"
    return [w for w in path.read_text(encoding="utf-8").split() if w.isalpha() and w.isascii() and w.islower() and len(w) > 2]


def decode(track: Track, rate: int):
    """The track as mono samples in [-1, 1] at `rate`, by ffmpeg."""
    import numpy as np

    mix = np.zeros(0, np.float32)
    for path in track.files:
        raw = subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-ac", "1", "-ar", str(rate), "-f", "f32le", "-"],
            check=True, stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"},
        ).stdout
        part = np.frombuffer(raw, np.float32)
        n = max(len(mix), len(part))
        mix = np.pad(mix, (0, n - len(mix))) + np.pad(part, (0, n - len(part)))
    return mix
