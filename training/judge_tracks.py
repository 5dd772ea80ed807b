"""What the sound's teacher makes of the hand-made list of tracks: how much of the model's errors there are its teacher's.

    models/lists/fetch.py && training/work/venv/bin/python training/judge_tracks.py
"""

import argparse
import csv
from pathlib import Path

import moods
import musicnn
import numpy as np
import sounds
import sources
import spectrogram
import train

LISTS = Path(__file__).resolve().parent.parent / "models/lists"


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--work", type=Path, default=train.HERE / "work", help="where train.py was run")
    p.add_argument("--songs", type=int, default=60, help="as train.py was given it")
    a = p.parse_args()
    learn, _ = train.all_sounds(a.work, a.work / "unpacked", a.songs)
    rule = moods.SoundRule(np.concatenate([s.heard.tags for s in learn]))
    taggers = musicnn.taggers(a.work / "wheels/musicnn")
    rows = list(csv.DictReader((LISTS / "tracks.csv").open(encoding="utf-8")))
    right = 0
    for row in rows:
        track = sources.Track("lists", row["id"], (str(LISTS / row["audio"]),))
        samples = sounds.stretch(track, sources.seconds(track.files[0]))
        mood = rule(spectrogram.prepare(samples, taggers, a.work / f"lists/{row['id']}.npz").tags).mean(0)
        right += moods.MOODS[mood.argmax()] == row["label"]
        print(f"{row['id']:20} {row['label']:6} {moods.MOODS[mood.argmax()]:6} {mood.round(1)}", flush=True)
    print(f"{right} of {len(rows)}")


if __name__ == "__main__":
    main()
