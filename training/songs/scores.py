"""The demo songs' scores, typed from public-domain music, and how each is played.

A line of notes is written as `PITCH/LENGTH`, bars apart; `r` is a rest. Its words are written one
syllable a note as `text=phonemes`, the phonemes as espeak-ng spells them; a hyphen at the end of
the text says that the word goes on, a slash stands where a line of lyrics ends, and `_` holds the
syllable before it over another note.
"""

from dataclasses import dataclass

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Tone:
    """A note, in the score's units of time from the score's beginning."""

    start: float
    length: float
    pitch: int


@dataclass(frozen=True)
class Sung:
    """A syllable and the notes that it is sung on."""

    text: str
    phonemes: str
    tones: list[Tone]


def pitch(name: str) -> int:
    octave = int(name[-1])
    return 12 * (octave + 1) + STEPS[name[0]] + name[1:-1].count("#") - name[1:-1].count("b")


def tones(line: str, start: float = 0.0) -> list[Tone]:
    found, now = [], start
    for token in line.replace("|", " ").split():
        name, length = token.split("/")
        if name != "r":
            found.append(Tone(now, float(length), pitch(name)))
        now += float(length)
    return found


def sung(line: list[Tone], words: str) -> list[list[Sung]]:
    """The lines of the lyrics, each with its syllables and their notes."""
    notes = iter(line)
    lines: list[list[Sung]] = [[]]
    for token in words.split():
        if token == "/":
            lines.append([])
        elif token == "_":
            lines[-1][-1].tones.append(next(notes))
        else:
            text, _, phonemes = token.partition("=")
            lines[-1].append(Sung(text, phonemes, [next(notes)]))
    left = list(notes)
    if left:
        raise ValueError(f"{len(left)} notes have no syllable, from {left[0]} on")
    return lines


def text(line: list[Sung]) -> str:
    """A line of lyrics as it is read."""
    return " ".join(s.text for s in line).replace("- ", "")


# Lift Every Voice and Sing: words James Weldon Johnson (1900), music J. Rosamond Johnson (1905).
# First half of the first verse, in four parts, in eighths of 6/8; after the CC0 encoding in music21's corpus.
LIFT = {
    "soprano": """G4/1 Ab4/1 Bb4/1 | C5/3 C5/3 | C5/3 C5/1 Db5/1 Eb5/1 | C5/3 Bb4/3 | Ab4/3 Ab4/1 Bb4/1 C5/1 | Db5/3 C5/3 |
        Ab4/3 Bb4/3 | Ab4/5 Ab4/1 | G4/3 G4/1 Ab4/1 Bb4/1 | C5/3 C5/3 | F5/3 F5/1 Eb5/1 C5/1 | Db5/3 C5/2 Bb4/1 |
        Ab4/3 Ab4/1 Bb4/1 B4/1 | C5/3 C5/1 Bb4/1 Ab4/1 | Bb4/5 Ab4/1 | Ab4/6""",
    "alto": """Eb4/1 F4/1 G4/1 | Ab4/3 E4/3 | F4/3 F4/1 F4/1 F4/1 | Ab4/3 G4/3 | F4/3 F4/1 E4/1 F4/1 | F4/3 E4/3 |
        F4/3 F4/3 | Eb4/5 F4/1 | G4/3 Eb4/1 F4/1 G4/1 | Ab4/3 E4/3 | F4/3 F4/1 Gb4/1 Gb4/1 | F4/3 E4/2 E4/1 |
        F4/3 F4/1 F4/1 F4/1 | Eb4/3 Ab4/1 G4/1 Ab4/1 | G4/5 Ab4/1 | Ab4/6""",
    "tenor": """G3/1 Ab3/1 Bb3/1 | C4/3 Bb3/3 | Ab3/3 Ab3/1 Ab3/1 Ab3/1 | Ab3/3 Db4/3 | C4/3 C4/1 Db4/1 C4/1 | Bb3/3 C4/3 |
        Ab3/3 Db4/3 | C4/5 B3/1 | Db4/3 G3/1 Ab3/1 Bb3/1 | C4/3 Bb3/3 | A3/3 A3/1 C4/1 Eb4/1 | Db4/3 C4/2 C4/1 |
        Db4/3 B3/1 Bb3/1 Ab3/1 | Ab3/3 Eb4/1 Db4/1 C4/1 | Db4/5 C4/1 | C4/6""",
    "bass": """Eb3/1 F3/1 G3/1 | Ab3/3 G3/3 | F3/3 F3/1 F3/1 F3/1 | Eb3/3 E3/3 | F3/3 F3/1 G3/1 Ab3/1 | Bb3/3 C3/3 |
        Db3/3 Db3/3 | Eb3/5 D3/1 | Eb3/3 Eb3/1 F3/1 G3/1 | Ab3/3 G3/3 | F3/3 F3/1 A3/1 A3/1 | Bb3/3 C4/2 C3/1 |
        Db3/3 D3/1 D3/1 D3/1 | Eb3/3 Eb3/1 E3/1 F3/1 | Eb3/5 Ab2/1 | Ab2/6""",
}
LIFT_WORDS = """Lift=l'Ift ev-='Ev 'ry=ri voice=v'OIs and=and sing,=s'IN / Till=t'Il earth='3:T and=and heav-=h'Ev en=@n ring,=r'IN /
    Ring=r'IN with=wID the=D@ har-=h'A@ mo-=m@ nies=ni:z of=Vv lib-=l'Ib er-=3 ty;=t'i: / Let=l'Et our=aU3 re-=rI joic-=dZ'OIs ing=IN rise=r'aIz /
    High=h'aI as=az the=D@ list-=l'Is 'ning=nIN _ skies,=sk'aIz / Let=l'Et it=It re-=rI sound=z'aUnd loud=l'aUd as=az the=D@ roll-=r'oUl ing=IN sea.=s'i:"""

# Jingle Bells: words and music James Lord Pierpont (1857), the chorus as it is sung since the 1890s.
# First verse and chorus in quarters, in G.
JINGLE = """D4/1 B4/1 A4/1 G4/1 | D4/3 D4/.5 D4/.5 | D4/1 B4/1 A4/1 G4/1 | E4/3 r/1 | E4/1 C5/1 B4/1 A4/1 | F#4/3 r/1 |
    D5/1 D5/1 C5/1 A4/1 | B4/3 r/1 | D4/1 B4/1 A4/1 G4/1 | D4/3 r/1 | D4/1 B4/1 A4/1 G4/1 | E4/2 r/1 E4/1 | E4/1 C5/1 B4/1 A4/1 |
    D5/1 D5/1 D5/1 D5/1 | E5/1 D5/1 C5/1 A4/1 | G4/2 D5/1.5 r/.5 |
    B4/1 B4/1 B4/2 | B4/1 B4/1 B4/2 | B4/1 D5/1 G4/1.5 A4/.5 | B4/3.5 r/.5 | C5/1 C5/1 C5/1.5 C5/.5 | C5/1 B4/1 B4/1 B4/.5 B4/.5 |
    B4/1 A4/1 A4/1 B4/1 | A4/2 D5/1.5 r/.5 | B4/1 B4/1 B4/2 | B4/1 B4/1 B4/2 | B4/1 D5/1 G4/1.5 A4/.5 | B4/3.5 r/.5 |
    C5/1 C5/1 C5/1.5 C5/.5 | C5/1 B4/1 B4/1 B4/.5 B4/.5 | D5/1 D5/1 C5/1 A4/1 | G4/3.5 r/.5"""
JINGLE_WORDS = """Dash-=d'aS ing=IN through=Tr'u: the=D@ snow=sn'oU / In=In a=@ one--=w'Vn horse=h'O@s o-='oU pen=p@n sleigh,=sl'eI /
    O'er='O@ the=D@ fields=f'i:ldz we=wi: go,=g'oU / Laugh-=l'af ing=IN all='O:l the=D@ way.=w'eI / Bells=b'Elz on=0n bob-=b'0b tails=t'eIlz ring,=r'IN /
    Mak-=m'eIk ing=IN spir-=sp'Ir its=Its bright;=br'aIt / What=w'Vt fun=f'Vn it=It is=Iz to=tu: ride=r'aId and=and sing=s'IN / A=@ sleigh-=sl'eI ing=IN song=s'ON to-=tu: night,=n'aIt oh!='oU /
    Jin-=dZ'IN gle=g@l bells,=b'Elz jin-=dZ'IN gle=g@l bells,=b'Elz / Jin-=dZ'IN gle=g@l all='O:l the=D@ way;=w'eI / Oh='oU what=w'Vt fun=f'Vn it=It is=Iz to=tu: ride=r'aId /
    In=In a=@ one--=w'Vn horse=h'O@s o-='oU pen=p@n sleigh,=sl'eI hey!=h'eI / Jin-=dZ'IN gle=g@l bells,=b'Elz jin-=dZ'IN gle=g@l bells,=b'Elz / Jin-=dZ'IN gle=g@l all='O:l the=D@ way;=w'eI /
    Oh='oU what=w'Vt fun=f'Vn it=It is=Iz to=tu: ride=r'aId / In=In a=@ one--=w'Vn horse=h'O@s o-='oU pen=p@n sleigh.=sl'eI"""
# One chord a bar.
JINGLE_CHORDS = "G G G C Am D D G G G G C Am D D G G G G G C G A D G G G G C G D G"

# In the Hall of the Mountain King: Edvard Grieg, Peer Gynt (1875). The theme and its answer, in quarters, in B minor.
HALL_THEME = """B2/.5 C#3/.5 D3/.5 E3/.5 F#3/.5 D3/.5 F#3/1 | F3/.5 C#3/.5 F3/1 E3/.5 C3/.5 E3/1 |
    B2/.5 C#3/.5 D3/.5 E3/.5 F#3/.5 D3/.5 F#3/.5 B3/.5 | A3/.5 F#3/.5 D3/.5 F#3/.5 A3/2"""
HALL_ANSWER = """F#3/.5 G#3/.5 A#3/.5 B3/.5 C#4/.5 A#3/.5 C#4/1 | D4/.5 A#3/.5 D4/1 C#4/.5 A#3/.5 C#4/1 |
    F#3/.5 G#3/.5 A#3/.5 B3/.5 C#4/.5 A#3/.5 C#4/1 | D4/.5 A#3/.5 D4/1 C#4/2"""
# The bass under each half bar.
HALL_ROOTS = {"theme": "B B C# C B B D D", "answer": "F# F# F# F# F# F# F# F#"}
