"""Lines of text to make lyrics of: free corpora, and lines generated from templates with WordNet's vocabulary.

A line's source is kept, because whole sources are held out. Lines are cleaned as the paper's code cleans lyrics.
"""

import re
import string
import subprocess
from pathlib import Path

import numpy as np

# Poetic books of the King James Bible: songs, laments, sayings, visions.
BIBLE = ["Job", "Psa", "Pro", "Ecc", "Sol", "Isa", "Jer", "Lam"]
FORTUNES = ["love", "songs-poems", "men-women", "people", "wisdom", "miscellaneous", "food", "work", "pets", "kids", "education", "humorists"]
# Of these nothing is learnt: songs and poems by other hands, and a book of the Bible's laments and love songs.
HELD_OUT = {"fortunes/songs-poems", "bible/Lam", "bible/Sol"}

# What lyrics look like around their telling words: {N} a noun, {Ns} its plural, {V} a verb, {Ving}, {A} an adjective.
TEMPLATES = """
I {V} you
I don't {V} you anymore
we {V} in the {N} tonight
you {V} me and I {V} you
there's a {N} in my {N}
my {N} is {A}
the {N} is {A} and the {N} is {A}
{A} {N} {A} {N}
oh my {A} {N}
I'm {Ving} in the {N}
she's {Ving} down the {N}
he was {Ving} like a {N}
never {V} my {N} again
all I want is a {A} {N}
give me the {N} and the {N}
I can see the {N} in your eyes
you took my {N} and you left me the {N}
we were {A} when the {N} came
every {N} has a {N}
they {V} and {V} and {V}
I am not {A}
I was {A} but now I'm {A}
let's {V} until the morning
don't you {V} me like that
{V} with me baby
when I {V} I think of you
how can I {V} without the {N}
in the {A} {N} of the night
this is the {N} of my {N}
through the {N} and the {N} we {V}
there are {Ns} on the {N}
{Ns} and {Ns} and {Ns}
no more {Ns} no more {Ns}
the {Ns} are {Ving}
you make me so {A}
what a {A} {A} {N}
everybody {V} now
come and {V} come and {V}
I've been {Ving} for so long
nobody {V}s me
somebody {V} the {N}
as {A} as a {N}
I feel {A} I feel {A}
it's a {A} world
you're my {N} you're my {A} {N}
so {A} so {A}
the {N} is {Ving} in the {N}
they took the {N} away
I have a {N} to {V}
why did you {V} my {N}
I will {V} you with my {N}
we'll {V} them all
my mother told me about the {N}
at the end of the {N} I {V}
under the {A} {N} we {V}
one {A} {N} is all I need
hold on to the {N}
I remember the {N} and the {Ving}
take me to the {N}
{Ving} {Ving} {Ving}
""".strip().splitlines()


def clean(text: str) -> str:
    """The text as the paper's code cleans it: lower case, no ASCII punctuation, single blanks."""
    text = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\s+", " ", text).strip()


def _pieces(text: str) -> list[str]:
    """Pieces of 3 to 14 words between punctuation marks."""
    out = []
    for piece in re.split(r"[.;:!?\n]|--", text):
        cleaned = clean(piece)
        if 3 <= len(cleaned.split()) <= 14 and cleaned.isascii():
            out.append(cleaned)
    return out


def corpora(unpacked: Path) -> list[tuple[str, str]]:
    """(source, cleaned line) of all corpora, each line once, in a fixed order."""
    found = []
    program, data = unpacked / "bible-kjv/usr/bin/bible", unpacked / "bible-kjv-text/usr/lib"
    for book in BIBLE:
        text = subprocess.run([program, "-p", data, "-f", f"{book}1:1-{book}150:200"], capture_output=True, text=True).stdout
        for verse in text.splitlines():
            found += [(f"bible/{book}", p) for p in _pieces(re.sub(r"^\w+\d+:\d+ ", "", verse))]
    for topic in FORTUNES:
        text = (unpacked / "fortunes/usr/share/games/fortunes" / topic).read_text(encoding="utf-8", errors="replace")
        for fortune in text.split("\n%\n"):
            # The author stands behind dashes.
            found += [(f"fortunes/{topic}", p) for p in _pieces(re.sub(r"\n\s*-- .*", "", fortune, flags=re.DOTALL))]
    for part in ("adj", "adv", "noun", "verb"):
        text = (unpacked / "wordnet-base/usr/share/wordnet" / f"data.{part}").read_text(encoding="utf-8")
        # A row's gloss stands behind a bar; examples in it are quoted, and parts are kept apart by semicolons.
        parts = [x.strip() for row in text.splitlines() if "|" in row for x in row.split("|", 1)[1].split(";")]
        found += [("wordnet", p) for x in parts if x.startswith('"') for p in _pieces(x)]
    return list({line: (source, line) for source, line in found}.values())


def vocabulary(unpacked: Path, most: int = 4000) -> dict[str, list[str]]:
    """WordNet's nouns, verbs and adjectives of one word, those first that its tagged texts use most."""
    folder = unpacked / "wordnet-base/usr/share/wordnet"
    counts: dict[tuple[str, str], int] = {}
    for row in (folder / "cntlist.rev").read_text().splitlines():
        # lemma%type:...: sense count
        key, _, count = row.split()
        lemma, kind = key.split("%")
        kind = {"1": "N", "2": "V", "3": "A", "5": "A"}.get(kind[0])
        if kind and lemma.isalpha() and lemma.isascii() and len(lemma) > 2:
            counts[kind, lemma] = counts.get((kind, lemma), 0) + int(count)
    words = {}
    for kind in "NVA":
        mine = [(n, w) for (k, w), n in counts.items() if k == kind]
        words[kind] = [w for _, w in sorted(mine, key=lambda x: (-x[0], x[1]))[:most]]
    return words


def plural(w: str) -> str:
    return w + "es" if w.endswith(("s", "sh", "ch", "x")) else w[:-1] + "ies" if re.search(r"[^aeiou]y$", w) else w + "s"


def progressive(w: str) -> str:
    stem = w[:-1] if w.endswith("e") and not w.endswith("ee") else w + w[-1] if re.search(r"[^aeiou][aeiou][bdgmnpt]$", w) else w
    return stem + "ing"


def generate(rng: np.random.Generator, words: dict[str, list[str]], moody: dict[str, list[list[str]]], n: int) -> list[tuple[str, str]]:
    """`n` lines from the templates. `moody` has for N, V and A a list of words per mood; two of three slots of a line are of one mood."""
    found = []
    for _ in range(n):
        mood = int(rng.integers(len(moody["N"])))
        share = rng.choice([0.0, 0.7, 1.0], p=[0.2, 0.4, 0.4])

        def fill(match):
            slot = match.group(1)
            kind = slot[0]
            source = moody[kind][mood] if rng.random() < share else words[kind]
            # The more usual words more often.
            w = source[int(len(source) * rng.random() ** 1.5)]
            return plural(w) if slot == "Ns" else progressive(w) if slot == "Ving" else w

        line = re.sub(r"\{(\w+)\}", fill, TEMPLATES[int(rng.integers(len(TEMPLATES)))])
        found.append(("generated", clean(line)))
    return found


def delete_words(rng: np.random.Generator, line: str) -> str:
    """Without a random share of its distinct words, as LIME deletes them; at least one is left."""
    words = line.split()
    share = rng.random()
    kept = [w for w in dict.fromkeys(words) if rng.random() >= share] or [words[int(rng.integers(len(words)))]]
    return " ".join(w for w in words if w in kept)
