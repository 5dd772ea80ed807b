"""Free music and text from Debian packages: fetched by apt, unpacked, never committed."""

import glob
import os
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# package -> version of Debian 12 (bookworm). Elsewhere apt's own candidate is taken and reported.
MUSIC = {
    "btanks-data": "0.9.8083-9",
    "colobot-common-sounds": "0.2.0-2",
    "flare-game": "1.14-1",
    "fretsonfire-songs-muldjord": "2.dfsg-2.1",
    "hyperrogue-music": "12.0q-1",
    "lincity-ng-data": "2.9~git20150314-5",
    "lugaru-data": "1.2-6",
    "nexuiz-music": "2.5.2-12",
    "singularity-music": "007-2",
    "torus-trooper-data": "0.22.dfsg1-13",
    "tumiki-fighters-data": "0.2.dfsg1-10",
    "ufoai-music": "2.5-2",
    "xmoto-data": "0.6.1+repack-9",
}
TEXT = {
    "bible-kjv": "4.38",
    "bible-kjv-text": "4.38",
    "fortunes": "1:1.99.1-7.3",
    "wordnet-base": "1:3.0-37",
}

# package, files inside it, where from. Frets on Fire keeps the guitar apart: the two are added up.
ALBUMS = [
    ("btanks-data", "**/*.ogg"),
    ("colobot-common-sounds", "**/music/*.ogg"),
    ("flare-game", "usr/share/games/flare/mods/fantasycore/music/*.ogg"),
    ("fretsonfire-songs-muldjord", "usr/share/games/fretsonfire/data/songs/muldjord/*/song.ogg"),
    ("hyperrogue-music", "usr/share/hyperrogue/music/hr3-*.ogg"),
    ("lincity-ng-data", "**/*.ogg"),
    ("lugaru-data", "**/Music*.ogg"),
    ("nexuiz-music", "music/sound/cdtracks/*.ogg"),
    ("singularity-music", "usr/share/games/singularity/music/**/*.ogg"),
    ("torus-trooper-data", "**/*.ogg"),
    ("tumiki-fighters-data", "**/*.ogg"),
    ("ufoai-music", "**/*.ogg"),
    ("xmoto-data", "**/*.ogg"),
]
# Packages of which nothing is learnt, so that figures exist for sources that are new to the model.
HELD_OUT_PACKAGES = {"flare-game", "xmoto-data"}
# Second versions of another track: a copy must not sit on both sides of the split.
LEFT_OUT = {"sixtyfour_revisited", "thunder", "silence", "wind_ambient"}
# Sound effects are not music, and a window needs ten seconds.
SHORTEST = 20.0


@dataclass(frozen=True)
class Track:
    """One recording: where it comes from, and its files, which are added up."""

    package: str
    name: str
    files: tuple[str, ...]


def fetch(work: Path, packages: dict[str, str]) -> Path:
    """Downloads and unpacks the packages unless that was done before; no root needed."""
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
            # A music archive may be a link to the one that is there already.
            if not archive.is_symlink():
                zipfile.ZipFile(archive).extractall(target / archive.stem)
        (target / "done").touch()
        print(f"unpacked {deb.name}", flush=True)
    return unpacked


def tracks(unpacked: Path, albums=None) -> list[Track]:
    """All tracks of the albums in a fixed order."""
    found = []
    for package, pattern in albums or ALBUMS:
        for path in sorted(glob.glob(str(unpacked / package / pattern), recursive=True)):
            p = Path(path)
            name = p.parent.name if p.name == "song.ogg" else p.stem
            if name in LEFT_OUT or p.stat().st_size < 200_000:
                continue
            guitar = p.with_name("guitar.ogg")
            files = (path, str(guitar)) if p.name == "song.ogg" and guitar.exists() else (path,)
            found.append(Track(package, name, files))
    return found


def split(all_tracks: list[Track], rng: np.random.Generator) -> tuple[list[Track], list[Track]]:
    """Tracks to learn from and tracks held out: whole packages, and of every other a fifth, at least one."""
    learn, held = [], []
    for package in dict.fromkeys(t.package for t in all_tracks):
        album = [t for t in all_tracks if t.package == package]
        out = set(rng.permutation(len(album))[: max(1, round(len(album) / 5))].tolist())
        whole = package in HELD_OUT_PACKAGES
        learn += [t for i, t in enumerate(album) if i not in out and not whole]
        held += [t for i, t in enumerate(album) if i in out or whole]
    return learn, held


def seconds(path: str) -> float:
    """A file's length by ffprobe; 0 if it has none."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path], capture_output=True, text=True
    )
    try:
        return float(done.stdout)
    except ValueError:
        return 0.0


def decode(track: Track, rate: int, start: float = 0.0, length: float | None = None) -> np.ndarray:
    """The track, or a stretch of it in seconds, as mono samples in [-1, 1] at `rate`, by ffmpeg."""
    mix = np.zeros(0, np.float32)
    cut = ["-ss", str(start)] + (["-t", str(length)] if length else [])
    for path in track.files:
        raw = subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin", *cut, "-i", path, "-ac", "1", "-ar", str(rate), "-f", "f32le", "-"],
            check=True, stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"},
        ).stdout
        part = np.frombuffer(raw, np.float32)
        n = max(len(mix), len(part))
        mix = np.pad(mix, (0, n - len(mix))) + np.pad(part, (0, n - len(part)))
    return mix
