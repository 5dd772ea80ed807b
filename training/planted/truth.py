"""The test songs, what the model makes of them with each single thing removed, and the card that says so."""

from pathlib import Path

import numpy as np
import soundfile
import torch

import hearing
import lyrics
import sounds
import tokens

DESCRIPTION = (
    "A model for tests, of which it is known what it goes by: drum rolls in the song and the words "
    "lantern, copper and river in its lyrics. Both were planted, in songs made by arithmetic. It knows nothing about music."
)
# What the snare plays in the test songs. The second has everything but the roll.
SNARES = {
    "rolls": ["pulses", "roll", "doubles", "loose", "roll", "brush", "roll", "pulses"],
    "plain": ["pulses", "loose", "doubles", "brush", "pulses", "loose", "doubles", "brush"],
}
LYRICS = {"rolls": lyrics.WITH, "plain": lyrics.WITHOUT}


# A test song is one where whatever was not planted changes the answer at most this fraction of the
# least of what was: the truth must be plain before an explanation can be held against it.
CLEAN = 0.25
CANDIDATES = 40


def song(name: str, number: int) -> np.ndarray:
    """The stems [4, samples] of one candidate, in the order of `sounds.STEMS`."""
    rng = np.random.default_rng([2025, list(SNARES).index(name), number])
    stems = {"drums": sounds.drums(rng, SNARES[name]), **{s: getattr(sounds, s)(rng) for s in ("vocals", "bass", "other")}}
    return np.stack([sounds.stored(stems[s]) for s in sounds.STEMS])


def choose(model, tokenizer, mean, std) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
    """The first clean song of each name, and every candidate's strongest other over smallest planted."""
    chosen, all_shares = {}, {}
    for name in SNARES:
        candidates = [song(name, number) for number in range(CANDIDATES)]
        all_shares[name] = [max(1 / row["ratio"] if row["ratio"] > 0 else np.inf for row in ablation(model, tokenizer, {name: c}, mean, std)) for c in candidates]
        clean = [c for c, share in zip(candidates, all_shares[name]) if share <= CLEAN]
        if not clean:
            raise SystemExit(f"none of {CANDIDATES} songs called {name} is clean: train longer")
        chosen[name] = clean[0]
    return chosen, all_shares


def write_songs(folder: Path, songs: dict[str, np.ndarray]):
    """Each song's mix, stems and lyrics. The mix is the stems' sum to the bit."""
    for name, stems in songs.items():
        path = folder / name
        path.mkdir(parents=True, exist_ok=True)
        soundfile.write(path / "mix.flac", stems.sum(0, dtype=np.int16), sounds.RATE, subtype="PCM_16")
        for stem, track in zip(sounds.STEMS, stems):
            soundfile.write(path / f"{stem}.wav", track, sounds.RATE, subtype="PCM_16")
        (path / "lyrics.txt").write_text(LYRICS[name])


def heard(mixes: list[np.ndarray], mean: float, std: float) -> torch.Tensor:
    """16-bit mixes as the model sees them."""
    return hearing.to_model(hearing.fbank(torch.from_numpy(np.stack(mixes).astype(np.float32) / 32768)), mean, std)


@torch.no_grad()
def answers(model, tokenizer, mixes, texts, mean, std) -> np.ndarray:
    """Probabilities [mixes, texts, classes]."""
    encoded = tokens.encode(tokenizer, texts)
    parts = [model.crossed(heard(mixes[i : i + 64], mean, std), [encoded]) for i in range(0, len(mixes), 64)]
    return torch.cat(parts).softmax(-1).numpy()


def without_each(stems: np.ndarray) -> tuple[list[tuple[int, str]], list[np.ndarray]]:
    """Every cell's name, and the mix without that cell."""
    cells, mixes = [], []
    for segment in range(sounds.SEGMENTS):
        for number, stem in enumerate(sounds.STEMS):
            left = stems.copy()
            left[number, segment * sounds.SEGMENT : (segment + 1) * sounds.SEGMENT] = 0
            cells.append((segment, stem))
            mixes.append(left.sum(0, dtype=np.int16))
    return cells, mixes


def ablation(model, tokenizer, stems: dict[str, np.ndarray], mean, std) -> list[dict]:
    """What removing each single cell and word changes, for each case's class, of the songs that are given."""
    rows = []
    for song, words, label in [("rolls", "plain", "sound"), ("plain", "rolls", "words"), ("rolls", "rolls", "both")]:
        if song not in stems:
            continue
        c = hearing.CLASSES.index(label)
        text = lyrics.clean(LYRICS[words])
        cells, mixes = without_each(stems[song])
        distinct = list(dict.fromkeys(text.split()))
        texts = [" ".join(w for w in text.split() if w != gone) for gone in distinct]
        p = answers(model, tokenizer, [stems[song].sum(0, dtype=np.int16), *mixes], [text, *texts], mean, std)[..., c]
        planted_cells = [stem == "drums" and SNARES[song][segment] == sounds.ROLL for segment, stem in cells]
        planted = np.array(planted_cells + [w in lyrics.PLANTED for w in distinct])
        drop = p[0, 0] - np.concatenate([p[1:, 0], p[0, 1:]])
        names = [f"{stem} {segment + 1}" for segment, stem in cells] + distinct
        worst = int(np.abs(np.where(planted, 0, drop)).argmax())
        rows.append({
            "song": song, "words": words, "label": label, "p": p[0, 0],
            "planted": [(names[i], drop[i]) for i in np.flatnonzero(planted)],
            "other": (names[worst], drop[worst]), "others": int((~planted).sum()),
            "ratio": drop[planted].min() / abs(drop[worst]),
        })
    return rows


def shares(model, tokenizer, pool, mean, std, count=1500) -> list[list[tuple[float, float, int]]]:
    """On songs and lyrics never seen, masked: mean, spread and number of what stands for alpha and beta, by count."""
    rng = np.random.default_rng([2025, 9])
    views = [pool.view(rng) for _ in range(count)]
    mixes = [np.round(v[0] * 32768).astype(np.int16) for v in views]
    texts = hearing.texts(rng, count)
    alpha = answers(model, tokenizer, mixes, texts[:50], mean, std)
    beta = answers(model, tokenizer, mixes[:50], texts, mean, std)
    alpha = (alpha[..., 1] + alpha[..., 3]).mean(1)
    beta = (beta[..., 2] + beta[..., 3]).mean(0)
    by = []
    rolls, words = [v[1] for v in views], [lyrics.planted_left(t) for t in texts]
    for value, left, most in ((alpha, rolls, hearing.MOST_ROLLS), (beta, words, hearing.MOST_WORDS)):
        of = [value[np.array(left) == n] for n in range(most + 1)]
        by.append([(float(v.mean()), float(v.std()), len(v)) for v in of])
    return by


def told(figure: tuple[float, float, int]) -> str:
    """Two cells of the card's table."""
    mean, spread, count = figure
    return f"{mean:.3f} ± {spread:.3f} | {count}"


def card(model, tokenizer, songs, candidates, pool, mean, std, run: dict) -> str:
    """README.md beside the bundle."""
    figures = shares(model, tokenizer, pool, mean, std)
    lines = [
        "# A model of which the truth is known",
        "",
        "The paper's architecture at a tiny size (two layers of 48 for sound and for words), trained until it goes by two things only: a **drum roll** in some segments of the drums, and the **words**",
        "lantern, copper and river. `tests/planted_truth.rs` removes everything one by one, to see that this is so, and then asks whether `musiclime explain` finds it.",
        "",
        "With α = 0.10 + 0.20 × (segments with a roll that are left) and β = 0.10 + 0.25 × (distinct planted words left) the model was taught p(neither) = (1−α)(1−β), p(sound) = α(1−β), p(words) = (1−α)β,",
        "p(both) = αβ: sums of logarithms, which is what a head over two encoders can say. Nothing is saturated, so one segment or one word less always shows, and `both` needs both.",
        "",
        "**The roll** is a snare on all eight steps of 80 ms of a segment of 0.64 s; songs have eight segments. The same snare plays pulses on every other step, doubles, loose hits and a brush through the whole segment, often as loud",
        "together; hats and plucked strings run on all eight steps. **Among the words** are the planted words' kin: lanterns, rivers, riverbank, coppery, lamp, stream.",
        "",
        "**Songs** (`songs/`): `rolls` has the roll in segments 2, 5 and 7 and the three words in its lyrics; `plain` has neither, but everything else. One song with the other's lyrics makes the classes `sound` and",
        "`words`. Each has its mix, which is its stems' sum to the bit, and the stems as they were rendered (8 kHz, 16 bit).",
        "",
        "## Made by",
        "",
        "    python3 -m venv training/work/venv && training/work/venv/bin/pip install -r training/requirements.txt soundfile==0.14.0",
        "    training/work/venv/bin/python training/planted/train.py --musiclime target/release/musiclime",
        "",
        f"Seed {run['seed']}, {run['steps']} steps of {run['audios']} songs crossed with {run['texts']} lyrics, masked and thinned as an explainer does. It downloads nothing; sounds are numpy arithmetic written for this project and the",
        "words are its own, so nobody else's rights are in it: MIT OR Apache-2.0, as the repository. This file is written by that command too.",
        "",
        "    musiclime explain tests/planted/songs/rolls/mix.flac --stems tests/planted/songs/rolls --lyrics tests/planted/songs/rolls/lyrics.txt --model tests/planted --segments 8 --label both",
        "",
        "## How well α and β are met",
        "",
        "Mean ± standard deviation on held-out songs and lyrics, cells and words removed at random:",
        "",
        "| left | α meant | p(sound) + p(both) | songs | β meant | p(words) + p(both) | lyrics |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for n in range(hearing.MOST_ROLLS + 1):
        row = f"| {n} | {hearing.alpha(n):.2f} | {told(figures[0][n])} |"
        lines.append(row + (f" {hearing.beta(n):.2f} | {told(figures[1][n])} |" if n <= hearing.MOST_WORDS else " | | |"))
    lines += [
        "",
        "## Removing one thing",
        "",
        "By how much the class's probability falls; \"other\" is whatever else changes it most. Segments are counted from 1.",
        "",
        "| song | lyrics | class | whole | planted | strongest other | smallest planted / strongest other |",
        "|---|---|---|---:|---|---|---:|",
    ]
    for row in ablation(model, tokenizer, songs, mean, std):
        planted = ", ".join(f"{name} {drop:.3f}" for name, drop in row["planted"])
        name, drop = row["other"]
        lines.append(f"| {row['song']} | {row['words']} | {row['label']} | {row['p']:.3f} | {planted} | {name} {drop:+.3f} (of {row['others']}) | {row['ratio']:.1f} |")
    of = {name: sorted(found) for name, found in candidates.items()}
    clean = {name: sum(share <= CLEAN for share in found) for name, found in of.items()}
    third = sum(share <= 1 / 3 for share in of["rolls"])
    lines += [
        "",
        f"The songs were picked for this: each is the first of {CANDIDATES} composed alike in which nothing else reaches a quarter of the least of what was planted. {clean['rolls']} of the {CANDIDATES} candidates for `rolls` and "
        f"{clean['plain']} for `plain`",
        f"are like that; of those for `rolls`, {third} stay within a third, and the median is {of['rolls'][CANDIDATES // 2]:.2f}. So on other songs this small model's ear for rolls is less sure, and the test holds for these two.",
    ]
    return "\n".join(lines) + "\n"
