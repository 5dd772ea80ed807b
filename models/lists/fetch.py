#!/usr/bin/env python3
"""Fetches the free tracks that tracks.csv lists, from Debian packages, into tracks/ beside it.

Needs Python, apt-get, dpkg-deb and, for the tracks that come in two parts, ffmpeg; no root. The
packages (456 MB) are downloaded one at a time into a temporary folder and go when their tracks
are taken out. What is there already is not fetched again.
"""

import csv
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Versions of Debian 12 (bookworm). Elsewhere apt's own candidate is taken and reported.
VERSIONS = {
    "extremetuxracer-data": "0.8.2-1",
    "fretsonfire-songs-sectoid": "1.dfsg-3.1",
    "frozen-bubble-data": "2.212-11",
    "hedgewars-data": "1.0.2-6",
    "marsshooter-data": "0.7.6-7",
    "wesnoth-1.16-music": "1:1.16.9-1",
}

# package -> where its music is
FOLDERS = {
    "extremetuxracer-data": "usr/share/games/etr/music",
    "fretsonfire-songs-sectoid": "usr/share/games/fretsonfire/data/songs/sectoid",
    "frozen-bubble-data": "usr/share/games/frozen-bubble/snd",
    "hedgewars-data": "usr/share/games/hedgewars/Data/Music",
    "marsshooter-data": "usr/share/games/marsshooter/audio/music",
    "wesnoth-1.16-music": "usr/share/games/wesnoth/1.16/data/core/music",
}

# package -> id in tracks.csv -> files. Frets on Fire keeps the guitar apart: the two are added up.
TRACKS = {
    "extremetuxracer-data": {
        "happy-spunky-race": ["spunkyrace-ks.ogg"],
        "happy-race-won": ["wonrace1-jt.ogg"],
        "calm-race": ["calmrace-ks.ogg"],
        "calm-options": ["options1-jt.ogg"],
    },
    "fretsonfire-songs-sectoid": {
        "angry-chaosland": ["Escape from chaosland/song.ogg", "Escape from chaosland/guitar.ogg"],
        "angry-madness": ["Metal madness/song.ogg", "Metal madness/guitar.ogg"],
        "angry-war": ["War of freedom/song.ogg", "War of freedom/guitar.ogg"],
        "sad-feelings": ["Feelings/song.ogg", "Feelings/guitar.ogg"],
    },
    "frozen-bubble-data": {
        "happy-puzzle-1": ["frozen-mainzik-1p.ogg"],
        "happy-puzzle-2": ["frozen-mainzik-2p.ogg"],
        "happy-puzzle-intro": ["introzik.ogg"],
    },
    "hedgewars-data": {
        "happy-beach": ["Beach.ogg"],
        "happy-fruit": ["Fruit.ogg"],
        "happy-sheep": ["Sheep.ogg"],
        "angry-hell": ["hell.ogg"],
        "calm-nature": ["Nature.ogg"],
        "calm-underwater": ["underwater.ogg"],
    },
    "marsshooter-data": {
        "angry-cruelty": ["09_wings_of_cruelty.ogg"],
        "angry-blood-swamp": ["07_-_Vermocsar.ogg"],
        "angry-misanthropia": ["12_-_Misanthropia.ogg"],
        "sad-farewell": ["10_farewell.ogg"],
        "sad-orphanage": ["02_orphanage.ogg"],
    },
    "wesnoth-1.16-music": {
        "happy-minstrels": ["traveling_minstrels.ogg"],
        "happy-victory": ["victory2.ogg"],
        "angry-vengeful": ["vengeful.ogg"],
        "sad-sad": ["sad.ogg"],
        "sad-king": ["the_king_is_dead.ogg"],
        "sad-city": ["the_city_falls.ogg"],
        "sad-love": ["love_theme.ogg"],
        "sad-defeat": ["defeat2.ogg"],
        "calm-sanctuary": ["silvan_sanctuary.ogg"],
        "calm-elves": ["elvish-theme.ogg"],
        "calm-transience": ["transience.ogg"],
    },
}


def download(package: str, folder: Path) -> Path:
    """The package's file, in the pinned version if apt offers it."""
    version = VERSIONS[package]
    pinned = subprocess.run(["apt-get", "download", f"{package}={version}"], cwd=folder, capture_output=True)
    if pinned.returncode != 0:
        print(f"{package} {version} is not offered by this apt; taking its own version", flush=True)
        if subprocess.run(["apt-get", "download", package], cwd=folder).returncode != 0:
            sys.exit(f"{package} can't be downloaded; this needs a Debian (or run apt-get update first)")
    return next(folder.glob("*.deb"))


def take_out(deb: Path, wanted: set[str], folder: Path) -> dict[str, Path]:
    """Takes the wanted files (by their path in the package) out of it."""
    taken = {}
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as unpack:
        with tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name in wanted and member.isfile():
                    taken[name] = folder / f"{len(taken)}{Path(name).suffix}"
                    taken[name].write_bytes(archive.extractfile(member).read())
    if lacking := sorted(wanted - taken.keys()):
        sys.exit(f"{deb.name} lacks {', '.join(lacking)}")
    return taken


def add_up(parts: list[Path], out: Path) -> None:
    """The sum of the parts, in floats, so that a sum beyond full scale is not cut."""
    inputs = [argument for part in parts for argument in ("-i", str(part))]
    mix = ["-filter_complex", f"amix=inputs={len(parts)}:normalize=0", "-ac", "1", "-c:a", "pcm_f32le"]
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *inputs, *mix, "-f", "wav", str(out)], check=True)


def main() -> None:
    with open(HERE / "tracks.csv", encoding="utf-8", newline="") as file:
        targets = {row["id"]: HERE / row["audio"] for row in csv.DictReader(file)}
    if targets.keys() != {track for tracks in TRACKS.values() for track in tracks}:
        sys.exit("tracks.csv and fetch.py don't list the same tracks")
    for package, tracks in TRACKS.items():
        missing = {track: files for track, files in tracks.items() if not targets[track].exists()}
        if not missing:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            inside = lambda name: f"{FOLDERS[package]}/{name}"
            taken = take_out(download(package, folder), {inside(f) for fs in missing.values() for f in fs}, folder)
            for track, files in missing.items():
                parts = [taken[inside(name)] for name in files]
                # Under another name until it is whole, so that a stopped run leaves no half track.
                target, half = targets[track], targets[track].with_suffix(".part")
                target.parent.mkdir(exist_ok=True)
                if len(parts) == 1:
                    half.write_bytes(parts[0].read_bytes())
                else:
                    add_up(parts, half)
                half.rename(target)
        print(f"{package}: {len(missing)} tracks", flush=True)
    print(f"{len(targets)} tracks are in {HERE / 'tracks'}")


if __name__ == "__main__":
    main()
