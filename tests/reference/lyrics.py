"""Writes tests/golden/lyrics/*.json: what Python, LIME and transformers make of lyrics.

    python tests/reference/lyrics.py        (from the repository's root)

- `characters.json`: which characters `\\w` matches, which have a lower case, and which Unicode
  14 does not assign (Python 3.11's `re`, `str.lower`, `unicodedata`).
- `clean.json`: the text preprocessing of the MusicLIME paper, as nine lines of Python.
- `words.json`: lime's `IndexedString(text, split_expression=r'\\W+', bow=True)`: words,
  positions, and `inverse_removing` of several sets of words.
- `tokens.json`: transformers' `RobertaTokenizer` with RoBERTa's real vocabulary, truncated to
  several lengths.

Written with Python 3.11.7 (Unicode 14.0.0), lime 0.2.0.1, transformers 5.24.0, tokenizers 0.23.3.
"""

import json
import pathlib
import random
import re
import string
import sys
import tempfile
import unicodedata

from lime.lime_text import IndexedString
from transformers import PreTrainedTokenizerFast

import roberta_tokenizer_json

ROOT = pathlib.Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "golden" / "lyrics"
ROBERTA = ROOT / "data" / "roberta"

# Lines written for this file, in the manner of lyrics.
SONG = """[Verse 1]
I've been walkin' down the road, oh-oh, 24/7
Don't you know? Don't you KNOW, don't you know that I'm a fool?
She said "Love me, love me not" -- and I said: "Yes..."

[Chorus: Somebody & Somebody_Else]
Hey, hey, HEY! (la la la)   la-la-la
It's 3 o'clock, we'll stay 'til the 1st of May
\tYou're the one, you'd be the one, they've won
"""

TEXTS = [
    "",
    " ",
    "   ",
    "\n",
    "\t\n\r\n \t",
    "...",
    "a",
    " a",
    "a ",
    "\na\n",
    "Hello world!",
    " Hello world!",
    "  Hello   world  !  ",
    "It always seems like time stands still when I'm with you.",
    "love Love LOVE lovE love",
    "a\tb\tc\n\nd\r\ne\rf",
    "tabs\t\t\tand\n\n\nnewlines \n \t mixed",
    "don't won't I'll you've they're he'd I'm it's 'tis rock'n'roll",
    "DON'T WON'T I'LL YOU'VE",
    "don’t won’t I’ll “curly” ‘quotes’ – dash — dash… ellipsis",
    "snake_case __init__ _ _a a_ ___",
    "1 22 333 4444 55555 3.14 1,000,000 24/7 9-5 50% $5 #1",
    "café naïve über Ångström señor façade œuvre",
    unicodedata.normalize("NFD", "café naïve über Ångström señor façade"),
    "Zażółć gęślą jaźń; příliš žluťoučký kůň; İstanbul'da ılık IŞIK",
    "ΟΔΥΣΣΕΥΣ και ο Σίσυφος, ΣΑΣ. Σ Σ' ΑΣ' ΑΣΑ' ΑΣ'Α ΑΣ1",
    "Straße STRASSE ẞ ﬁ ǅ ŉ ΐ",
    "Подмосковные вечера, Катюша!",
    "夜に駆ける、君の名は。沈むように溶けてゆくように",
    "我爱你，中国！ 사랑해요 오빤 강남스타일 ｶﾗｵｹ ㍿ 〇 三",
    "שלום עולם, שִׁיר",
    "يا حبيبي، أحبك ١٢٣ \u200fمرحبا\u200e",
    "नमस्ते दुनिया हिन्दी गाना ๓ เพลงรัก தமிழ்",
    "🎵 la la 🎶 ❤️ 👩\u200d🎤 👨‍👩‍👧‍👦 🇬🇷🏳️‍🌈 👍🏽 a🎵b",
    "²³ ½ Ⅻ ① ৴ 𝟙𝟚 𝔞𝔟 𐍈 𠀀 ª º µ",
    "zero\u200bwidth\u200djoin soft\u00adhyphen no\u00a0break em\u2003space ideo\u3000graphic",
    "line\u2028sep para\u2029sep next\u0085line vt\x0bff\x0cfs\x1cgs\x1dus\x1f end",
    "bell\x07 esc\x1b[0m del\x7f c1\x80\x9f bom\ufeff repl\ufffd non\uffff pua\ue000",
    "<mask> a <mask> b  <mask>c d<mask>",
    "<s> </s> <pad> <unk> a</s>b <s>c <S> </S> <mask > < mask>",
    "Ġ Ċ ĠĠhello Ġthe",
    "x" * 300,
    "na " * 120,
    "ha" * 200,
    "!?" * 150,
    " " * 300 + "end",
    "a" + " " * 50 + "b" + "\n" * 50 + "c",
    "日" * 130,
    "🎵" * 100,
    "y\u0301" * 120,
    SONG,
    SONG.upper(),
    SONG * 3,
    SONG.replace("\n", "\r\n"),
]


def noise(seed, count):
    """Texts of characters that a tokenizer's regular expression may trip over."""
    rng = random.Random(seed)
    pieces = list("aAbzZéßσΣ09_ '’.,!-\n\t") + ["  ", "'s", "'t", "'LL", " the", "the", "love", "é", "日本", "🎵"]
    pieces += ["\u0301", "\u200d", "\u00a0", "\u3000", "\u2028", "٣", "½", "Ⅳ", "ก", "नि", "𝔞", "<s>", "</s>", "<mask>"]
    return ["".join(rng.choice(pieces) for _ in range(rng.randint(1, 40))) for _ in range(count)]


def anywhere(seed, count):
    """Texts of any characters that Unicode 14 assigns, except surrogates."""
    rng = random.Random(seed)
    known = [chr(c) for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    return ["".join(rng.choice(known) + rng.choice(["", " ", "a"]) for _ in range(20)) for _ in range(count)]


def ranges(matches):
    """The ranges of code points for which `matches` holds, as [first, last]."""
    found = []
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000 or not matches(chr(c)):
            continue
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def clean(text):
    text = text.lower()
    text = text.translate(str.maketrans("", "", string.punctuation))
    text = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
    text = re.sub(" +", " ", text)
    return text


def indexed(text, rng):
    string = IndexedString(text, split_expression=r"\W+", bow=True)
    count = string.num_words()
    case = {"text": text, "words": [str(string.word(i)) for i in range(count)]}
    case["positions"] = [[int(p) for p in string.string_position(i)] for i in range(count)]
    masks = [[], list(range(count))] + [[i for i in range(count) if rng.random() < 0.5] for _ in range(4)]
    case["removed"] = [{"words": mask, "left": string.inverse_removing(mask)} for mask in masks]
    return case


def tokens(tokenizer, text):
    whole = tokenizer(text)["input_ids"]
    case = {"text": text, "ids": whole, "cut": {}}
    for length in (3, 8, 256):
        cut = tokenizer(text, truncation=True, max_length=length)["input_ids"]
        if cut != whole:
            assert cut == whole[: length - 1] + [2], (text, length)
            case["cut"][length] = len(cut)
    return case


def write(name, value):
    GOLDEN.mkdir(parents=True, exist_ok=True)
    lines = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (GOLDEN / name).write_text(lines + "\n", encoding="utf-8")
    print(name, len(lines))


def main():
    assert sys.version_info[:2] == (3, 11) and unicodedata.unidata_version == "14.0.0"
    word = re.compile(r"\w")
    write(
        "characters.json",
        {
            "unicode": unicodedata.unidata_version,
            "word": ranges(word.match),
            "unassigned": ranges(lambda c: unicodedata.category(c) == "Cn"),
            "lower": [[c, chr(c).lower()] for c in range(0x110000) if chr(c).lower() != chr(c)],
        },
    )
    texts = TEXTS + noise(1, 150) + anywhere(2, 60)
    write("clean.json", [{"text": text, "clean": clean(text)} for text in texts])
    rng = random.Random(3)
    write("words.json", [indexed(text, rng) for text in texts])

    tokenizer = roberta_tokenizer_json.read(ROBERTA / "vocab.json", ROBERTA / "merges.txt")
    with tempfile.TemporaryDirectory() as folder:
        # The file of it must behave as the class does.
        tokenizer.backend_tokenizer.save(f"{folder}/tokenizer.json")
        reread = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json")
        for text in texts:
            assert reread(text)["input_ids"] == tokenizer(text)["input_ids"], text
    assert tokenizer("Hello world!")["input_ids"] == [0, 31414, 232, 328, 2]
    cases = texts + [clean(text) for text in TEXTS] + ["\x00 a\x00"] + noise(4, 150) + anywhere(5, 60)
    write("tokens.json", [tokens(tokenizer, text) for text in dict.fromkeys(cases)])


if __name__ == "__main__":
    main()
