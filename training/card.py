"""The demo bundle's card, with the measured figures filled in."""

import words


def percent(x: float) -> str:
    return f"{100 * x:.0f} %"


LICENCES = [
    ("fretsonfire-songs-muldjord", "metal", "Muldjord's Frets on Fire songs", "CC BY-SA 3.0"),
    ("fretsonfire-songs-sectoid", "metal", "Sectoid (Carlos Viola Iborra), without the ballad \"Feelings\"", "Expat"),
    ("nexuiz-music", "electronic", "the soundtrack of Nexuiz", "GPL-2+"),
    ("singularity-music", "ambient", "Maxstack, the soundtrack of Endgame: Singularity", "CC BY-SA 3.0"),
    ("hyperrogue-music", "ambient", "Shawn Parrotte's pieces (`hr3-*`) for HyperRogue", "CC BY-SA 3.0"),
    ("wesnoth-1.16-music", "orchestral", "the soundtrack of The Battle for Wesnoth", "GPL-2+"),
    ("flare-game", "orchestral", "the soundtrack of Flare", "CC BY-SA 3.0+"),
]

TITLE = "Demo: ambient, electronic, metal or orchestral?"
LICENCE = (
    "MIT OR Apache-2.0; learnt from music, speech and samples under CC BY-SA 3.0, CC BY 3.0, CC0, GPL-2+, GPL-3+, "
    "GFDL-1.3, MIT and Expat, listed in README.md and in training/README.md"
)

TEMPLATE = """# musiclime-demo: ambient, electronic, metal or orchestral?

A deliberately tiny model ({parameters:,} parameters, {megabytes:.2f} MB as f16) with the architecture that the MusicLIME paper explains: an Audio
Spectrogram Transformer and a RoBERTa under one LayerNorm and one linear layer. It was really trained, from scratch, on a task simple
enough for a laptop's CPU: {minutes} minutes, {steps} steps.

**Its job is to demonstrate this page.** It is good for seeing how an explanation comes about and whether it is plausible. It is not good for finding
out anything about your music: no claim on real-world accuracy is made beyond the figures below.

## What it answers
Which of four kinds of song the *sound and the words together* are: `ambient`, `electronic`, `metal`, `orchestral`. There is no class for anything else, so
a pop song, hip hop or a folk song gets one of these four all the same.

The right answer is a stated function of both modalities. Sound of class c contributes up to {strength} logits to c; lyrics contribute up to {strength} logits,
shared between the classes by how many of their words belong to each class's vocabulary. So: both agree, and the model should be sure; they
contradict each other, and it should be split between the two; one is missing or says nothing, and the other decides; nothing there, and
all four should be equally likely.

## Data
{learn} tracks to learn from, {tracks} held out (a quarter of each album, at least one track). A track's class is its album's class. None of this music is in the repository, only weights
learnt from it.

| Debian 12 package | class | what | licence |
|---|---|---|---|
{licence_rows}

No recording has vocals to speak of. Lyrics are made by a generator (`training/words.py`) from vocabularies written by hand for this project ({vocabulary:,} class words with
their inflections), neutral lines, sentences from Debian's `fortunes` and words from `wamerican`. In training, random words are deleted and random segments and
roughly separated stems are silenced, as LIME will do; loudness, colour and noise floor are varied.

## Figures
All on held-out tracks ({clips} windows of 10.24 s from {tracks} tracks: {tracks_per_class}) and lyrics the model has not seen. No setting was chosen by these figures; the last training step is what is shipped.

| what | right | always the largest class |
|---|---|---|
| sound alone, per window | {a_clip} ({a_clip_b} with classes weighted equally) | {a_clip_m} (25 %) |
| sound alone, per track (mean of its windows) | {a_track} ({a_track_b}) | {a_track_m} (25 %) |
| lyrics alone, {texts} generated texts with a clear answer, of the same vocabularies and templates as in training | {l_gen} | {l_gen_m} |
| lyrics alone, {verses} verses written by hand | {l_verse} | 25 % |
| both, where they agree | {b_agree} (sound alone on the same windows: {b_audio}) | |
| both, where they contradict each other: the two are the model's first two | {b_two} | |

In contradictions the model's first answer is the sound's in {f_audio} and the lyrics' in {f_lyrics} of the pairs. Mean total variation distance to the intended distribution: {distance:.2f}. With neither sound nor words it
answers {nothing}.

Recall by sound alone, per window: {recall}.

## Known weaknesses
- A class is one to two albums, held-out tracks come from the same albums: some of what is heard is the album's sound, and the figures above are optimistic for other music. Metal has only {metal_tracks} held-out tracks.
- The music is from games, without vocals: vocals are outside what it has heard.
- It knows words, not sentences: no negation, no irony, English only. The hand-written verses were written with the vocabularies in mind; a real lyric will mostly contain words that the model has no opinion on, or a wrong one.
- 16 kHz and 10.24 s are all that it hears; 256 tokens all that it reads.
- The tokenizer has 4,096 tokens and was learnt from the same text: rarer words fall into pieces.

## Sizes
AST: {ast}. RoBERTa: {roberta}. Spectrogram: Kaldi's fbank at 16,000 Hz, 64 mel bins, 1,024 frames. Made by `python training/train.py --minutes {allowed:g} --seed {seed}`.

{separator}Licence of the weights: MIT OR Apache-2.0 as the project; whoever holds that weights inherit the terms of what they were learnt from finds those in the table above.
"""


SEPARATOR = """## The separator
The bundle brings a small Open-Unmix (four networks of 537,634 parameters, 4.35 MB as f16, 44.1 kHz, mono), which takes songs apart into vocals, drums, bass and other. It learnt from
songs that were rendered with known stems, whose singing is re-pitched speech; `training/README.md` lists that material with its licences. Median SDR on ten held-out rendered songs
(plain signal processing in brackets): vocals 1.35 dB (1.25), drums 5.54 (3.05), bass 3.06 (1.82), other 3.33 (1.92). On the few seconds of real music with known stems that could be measured, drums and
bass keep that lead, while vocals (1.4 dB, 2.4) and other (0.7, 2.2) fall behind. Read "vocals" as "what is voice-like"; a separator from the `openunmix` package is far better and far larger.

"""


def describe(figures: dict) -> str:
    """The card in a few sentences, for `bundle.json`."""
    a, l, b = figures["audio_only"], figures["lyrics_only"], figures["both"]
    return (
        "A tiny model, trained from scratch in minutes, that demonstrates this page: is a song ambient, electronic, metal or orchestral, by its sound and "
        "its words together? Learnt from free game music without vocals and from generated English lyrics; it knows words, not sentences, and has no class for "
        f"anything else. On held-out tracks (four classes, weighted equally): sound alone {percent(a['clip_balanced'])} of windows, lyrics alone "
        f"{percent(l['generated'])} of generated texts (from the vocabularies it learnt) and {percent(l['verses'])} of {figures['verses']} hand-written verses, both where they agree {percent(b['agreeing_balanced'])}. "
        "No claim on real-world accuracy is made beyond these figures."
    )


def write(figures: dict, tracks, separator: bool) -> str:
    """The card's text; what it says of the separator is about the shipped one, whose figures stand in README.md."""
    a, l, b, run = figures["audio_only"], figures["lyrics_only"], figures["both"], figures["run"]
    rows = []
    for package, label, what, licence in LICENCES:
        n = sum(t.package == package for t in tracks)
        rows.append(f"| `{package}` ({n} tracks) | {label} | {what} | {licence} |")
    return TEMPLATE.format(
        separator=SEPARATOR if separator else "",
        parameters=run["parameters"], megabytes=run["parameters"] * 2 / 1e6, minutes=run["minutes"], steps=run["steps"], seed=run["seed"], allowed=run["minutes_allowed"],
        strength=words.STRENGTH, learn=run["learn_tracks"], tracks=figures["tracks"], clips=figures["clips"], licence_rows="\n".join(rows),
        vocabulary=len(words.EVIDENCE), tracks_per_class=", ".join(f"{n} {c}" for c, n in figures["tracks_per_class"].items()),
        a_clip=percent(a["clip_accuracy"]), a_clip_b=percent(a["clip_balanced"]), a_clip_m=percent(a["clip_majority"]),
        a_track=percent(a["track_accuracy"]), a_track_b=percent(a["track_balanced"]), a_track_m=percent(a["track_majority"]),
        texts=figures["texts"], verses=figures["verses"], l_gen=percent(l["generated"]), l_gen_m=percent(l["generated_majority"]), l_verse=percent(l["verses"]),
        b_agree=percent(b["agreeing"]), b_audio=percent(b["audio_only_on_same"]), b_two=percent(b["conflicting_top_two"]),
        f_audio=percent(b["conflicting_follow_audio"]), f_lyrics=percent(b["conflicting_follow_lyrics"]), distance=b["distance_to_wanted"],
        nothing=", ".join(f"{c} {percent(p)}" for c, p in figures["nothing"].items()),
        recall=", ".join(f"{c} {percent(r)}" for c, r in a["recall"].items()), metal_tracks=figures["tracks_per_class"]["metal"],
        ast="2 layers of width 96, 4 heads, feed-forward 256, patches 16 x 16 without overlap (256 + 2 tokens)",
        roberta="2 layers of width 96, 4 heads, feed-forward 256, 4,096 tokens",
    )
