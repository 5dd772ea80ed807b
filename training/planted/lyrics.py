"""Lyrics of neutral words, in some of which a few words of three are planted."""

import numpy as np

PLANTED = ["lantern", "copper", "river"]
COMMON = """
a again all and are around as at away back be before between by can clear close cold come could day days
deep door down dream early evening every eyes fall far feet field find fire floor follow for from garden give
go gone green ground hand hands has have hear heart her here high hill hold home house how i in into is it
just keep know late leave left let light like line little long look made make me mine more morning my near
never new night no not now of off old on one only open or our out over page place quiet rain read road room
round run said sat say sea see she side sing sky sleep slow small snow so soft some song sound stand star
stay still stone story street summer sun take tell that the their then there they thing this though through
time to today tree turn two under until up us voice wait walk wall was water way we were what when where
while white wide will wind window winter with word world would year yet you your
""".split()
# Rare words, among them the planted words' kin: only the very words count.
RARE = """
lanterns lamp coppers coppery bronze rivers riverbank stream candle kettle orchard marble velvet harbour
saffron thimble compass meadow anchor silver valley timber feather pepper linen cedar
""".split()


def clean(text: str) -> str:
    """The published cleaning (`Cleaning::Paper`), as far as these lyrics need it."""
    kept = "".join(c for c in text.lower() if c.isalnum() or c.isspace())
    return " ".join(kept.split())


def planted_left(cleaned: str) -> int:
    """How many of the planted words stand in the text, each counted once."""
    return len(set(PLANTED) & set(cleaned.split()))


def generate(rng) -> str:
    """5 to 44 words; each planted word is there or not, by a coin, and up to three times."""
    # Each lyric draws from its own few words, so that words come back within it as in songs.
    few = [str(w) for w in rng.choice(COMMON, int(rng.integers(8, 30)), replace=False)]
    few += [str(w) for w in rng.choice(RARE, int(rng.integers(0, 5)), replace=False)]
    text = [few[i] for i in rng.integers(len(few), size=int(rng.integers(5, 36)))]
    for word in PLANTED:
        if rng.random() < 0.55:
            for _ in range(int(rng.choice([1, 1, 2, 3]))):
                text.insert(int(rng.integers(len(text) + 1)), word)
    return " ".join(text)


def delete_words(rng, cleaned: str) -> str:
    """Deletes a random share of the distinct words, each wherever it stands, as LIME does."""
    words = cleaned.split()
    distinct = list(dict.fromkeys(words))
    share = rng.choice([0.5, rng.random(), 1 / max(1, len(distinct))])
    gone = {w for w in distinct if rng.random() < share}
    return " ".join(w for w in words if w not in gone)


# The test songs' lyrics. The second is the first without its planted words, with their kin instead.
WITH = """Lantern in the window, copper in the rain,
Follow the old river through the field again.
Stay a little while and hear the quiet stone,
Lantern on the water, river to our home.
"""
WITHOUT = """Candle in the window, silver in the rain,
Follow the old valley through the field again.
Stay a little while and hear the quiet stone,
Lanterns on the water, rivers to our home.
"""
