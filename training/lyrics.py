"""Lyrics to learn from: lines with the teacher's opinion, put together at random, and what the whole should mean."""

from dataclasses import dataclass
from pathlib import Path

import lines as text_lines
import numpy as np

from moods import MOODS, STRENGTH

# How many lines of each kind the teacher reads: what ten minutes of one core are enough for.
WORDNET, GENERATED = 20_000, 24_000
# A line speaks for a mood if the teacher gives it this many logits.
SPEAKS = 0.8
# Words after which a text has said most of what it can: a single word is evidence, ten are more.
HALFWAY = 3.0
# Averaging lines of a lyric weakens the teacher's single opinions, which rarely reach full strength.
GAIN = 1.6


@dataclass(frozen=True)
class Lines:
    """Cleaned lines, their sources, and the teacher's logits [n, moods]."""

    lines: list[str]
    sources: list[str]
    logits: np.ndarray

    def __post_init__(self):
        speaking = [np.flatnonzero((self.logits.argmax(1) == m) & (self.logits.max(1) > SPEAKS)) for m in range(len(MOODS))]
        object.__setattr__(self, "speaking", speaking)


def prepare(unpacked: Path, teacher, cache: Path, seed: int) -> tuple[Lines, Lines]:
    """Lines to learn from and lines of the sources held out, judged once and kept in `cache`."""
    if not cache.exists():
        rng = np.random.default_rng(seed)
        corpus = text_lines.corpora(unpacked)
        wordnet = [x for x in corpus if x[0] == "wordnet"]
        chosen = set(rng.permutation(len(wordnet))[:WORDNET].tolist())
        found = [x for x in corpus if x[0] != "wordnet"] + [x for i, x in enumerate(wordnet) if i in chosen]
        found += text_lines.generate(rng, *_vocabulary(unpacked, teacher), GENERATED)
        # Half of what is learnt from is heard with words missing, too.
        found += [(s, text_lines.delete_words(rng, line)) for s, line in found if s not in text_lines.HELD_OUT and rng.random() < 0.5]
        found = list({line: (source, line) for source, line in found}.values())
        sources, lines = [s for s, _ in found], [line for _, line in found]
        print(f"the words' teacher reads {len(lines)} lines", flush=True)
        np.savez(cache, lines=np.array(lines), sources=np.array(sources), logits=teacher(lines))
    with np.load(cache) as stored:
        lines, sources, logits = (stored[k] for k in ("lines", "sources", "logits"))
    held = np.isin(sources, sorted(text_lines.HELD_OUT))
    return tuple(Lines(lines[k].tolist(), sources[k].tolist(), logits[k]) for k in (~held, held))


def _vocabulary(unpacked: Path, teacher):
    """WordNet's usual words, and those of them that have each mood, by the teacher's word for them one by one."""
    words = text_lines.vocabulary(unpacked)
    moody = {}
    for kind, mine in words.items():
        logits = teacher(mine)
        of = [[w for w, row in zip(mine, logits) if row.argmax() == m and row.max() > SPEAKS] for m in range(len(MOODS))]
        moody[kind] = [w or mine for w in of]
    return words, moody


def meaning(logits: np.ndarray, words: np.ndarray) -> np.ndarray:
    """A text's logits [moods] from its lines' logits [lines, moods] and numbers of words: their mean by words, less for a short text."""
    total = words.sum()
    if total == 0:
        return np.zeros(len(MOODS), np.float32)
    mean = (logits * words[:, None]).sum(0) / total
    return STRENGTH * np.tanh(GAIN * mean / STRENGTH) * (1 - np.exp(-total / HALFWAY))


def compose(rng: np.random.Generator, pool: Lines) -> tuple[str, np.ndarray]:
    """A random lyric, cleaned, and its logits: of one mood for the most part, of two, of anything, or empty."""
    kind = rng.choice(["one", "two", "any", "empty"], p=[0.62, 0.16, 0.18, 0.04])
    if kind == "empty":
        return "", np.zeros(len(MOODS), np.float32)
    first, second = rng.choice(len(MOODS), 2, replace=False)
    purity = 0.0 if kind == "any" else rng.uniform(0.5, 1.0)
    chosen = []
    for _ in range(1 + int(rng.exponential(4.0)) if rng.random() < 0.9 else int(rng.integers(10, 30))):
        if rng.random() < purity:
            speaking = pool.speaking[second if kind == "two" and rng.random() < 0.5 else first]
            chosen.append(int(speaking[int(rng.integers(len(speaking)))]))
        else:
            chosen.append(int(rng.integers(len(pool.lines))))
    if rng.random() < 0.3:
        # Choruses come back.
        chosen += chosen[: int(rng.integers(1, 5))]
    words = np.array([len(pool.lines[i].split()) for i in chosen])
    return " ".join(pool.lines[i] for i in chosen), meaning(pool.logits[chosen], words)
