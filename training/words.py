"""Lyrics for the demo: vocabularies, a generator, and what a text should mean to the model.

The lyrics are made up. Each class owns a vocabulary written by hand for this project; a text's
evidence for a class is how many of its words belong to that class, so that the right answer is
known for every text, also for one from which words were deleted the way LIME deletes them.
"""

import re
import string

import numpy as np

CLASSES = ["ambient", "electronic", "metal", "orchestral"]

# Full strength of one modality's evidence, in logits. e^3.2 : 1 : 1 : 1 is 89 % for four classes:
# one modality alone convinces without saturating, so the other one still moves the answer.
STRENGTH = 3.2
# Class words after which a text has said 63 % of what it can say. A line or two should matter,
# and single words of a whole song should still be visible to an explainer.
HALFWAY = 5.0

NOUNS = {
    "ambient": """drift haze mist silence stillness breath cloud horizon lullaby dusk twilight moonlight starlight
        nebula galaxy cosmos orbit satellite tide ripple lagoon snowfall raindrop drizzle fog vapor echo
        whisper slumber dream daydream reverie feather pillow petal lotus garden pond reflection shimmer glimmer halo
        infinity eternity space void gravity weightlessness solitude serenity calm peace meditation trance hum
        murmur breeze zephyr dew aurora glacier iceberg tundra ocean deep seabed coral jellyfish
        whale driftwood shoreline harbor lighthouse lantern candle incense temple spirit aether ether veil
        membrane bloom blossom willow moss fern cloudscape skyline memory trace sleep afternoon autumn
        planet constellation comet stardust moonbeam crystal prism spectrum hush pause lull hour moment time clock""",
    "electronic": """club dancefloor disco strobe laser neon beat bass bassline drop synth synthesizer sequencer
        machine robot android circuit wire cable voltage current signal frequency wave pulse pixel screen monitor
        computer keyboard code data program algorithm network internet server modem byte bit system
        matrix cyber cyborg hologram avatar chip motor engine turbine battery electricity generator transistor
        oscillator filter loop sample groove rhythm tempo remix mixer turntable deejay dj rave raver party crowd
        weekend nightclub saturday city subway metro highway traffic taxi skyscraper elevator
        speaker headphone amplifier volume decibel rush adrenaline energy power fever body hips feet hands move
        motion speed velocity turbo rocket laserlight glitter sneaker champagne lightshow floor stage future
        technology digital arcade joystick console video camera television radio transmission""",
    "metal": """blood bone skull corpse grave coffin tomb cemetery funeral death demon devil satan hell inferno
        hellfire brimstone abyss darkness shadow doom damnation curse plague pestilence famine war warfare
        battlefield carnage slaughter massacre murder violence hatred rage fury wrath anger vengeance revenge pain
        agony torment torture suffering scream howl shriek steel iron hammer axe chain shackle spike blade knife razor
        wound scar flesh vein vulture raven serpent viper beast wolf werewolf vampire zombie ghoul monster reaper
        scythe sin sinner heretic blasphemy sacrifice altar ritual pentagram apocalypse armageddon ruin ash
        ember flame fire furnace explosion bomb bullet gun tank missile executioner gallows guillotine
        asylum madness insanity chaos anarchy destruction annihilation extinction nightmare terror horror fear
        poison venom decay rot maggot worm skeleton crypt thunder lightning storm earthquake volcano rebel outlaw""",
    "orchestral": """king queen prince princess kingdom throne crown castle palace fortress tower knight squire
        shield banner herald trumpet horn drumroll army legion soldier captain general march victory triumph glory honor
        honour valor courage hero heroine legend saga myth tale minstrel bard ballad harp lute flute violin cello
        fiddle choir hymn anthem symphony overture waltz minuet ballroom gown carriage horse stallion rider
        village tavern inn miller shepherd lamb maiden lady lord noble duke baron peasant farmer harvest wheat
        meadow hill valley mountain forest oak elm elf dwarf dragon wizard sorcerer unicorn fairy goblin troll orc
        quest journey voyage ship sail sailor mast crew admiral island treasure homeland fatherland oath vow
        sword spear arrow bow archer quiver gate bridge drawbridge moat river brook pilgrim abbey monk bell
        chapel feast goblet mead ale fireside hearth cottage ancestor elder empire emperor realm destiny fate""",
}
VERBS = {
    "ambient": "float drift fade dissolve breathe dream sleep rest linger hover glide melt shimmer glow wander whisper soothe unwind exhale inhale evaporate settle sway cradle meditate listen disappear",
    "electronic": "dance jump bounce spin shake pump pulse flash connect download upload plug charge boost accelerate program reboot scan transmit click sync mix party rave groove glitch vibrate electrify broadcast",
    "metal": "burn bleed scream kill slay destroy crush smash shatter tear rip devour rot decay curse damn haunt suffer rage howl murder slaughter break torture strangle bury hate obey riot explode",
    "orchestral": "march ride sail conquer reign rule crown kneel defend guard sing gallop proclaim gather triumph rejoice swear feast journey bow raise remember bless praise pledge inherit banish wed",
}
ADJECTIVES = {
    "ambient": "calm quiet silent still soft gentle slow weightless endless infinite distant hazy misty dreamy floating drifting sleepy pale translucent tranquil serene peaceful hushed tender faint blurry timeless celestial lunar cosmic",
    "electronic": "electric digital robotic automatic neon synthetic virtual wired wireless magnetic radioactive fast loud bright sweaty wild hypnotic infrared ultraviolet atomic supersonic plastic chrome metallic programmed artificial binary mechanical modern futuristic",
    "metal": "black bloody brutal cruel cursed dead deadly evil damned dark rotten rotting savage vicious violent merciless wicked unholy burning screaming broken twisted insane hateful venomous bitter infernal grim doomed undead",
    "orchestral": "noble royal golden ancient brave bold gallant mighty glorious victorious proud loyal faithful sacred holy majestic grand regal fair humble merry heroic legendary enchanted medieval imperial chivalrous triumphant honest",
}
NEUTRAL_NOUNS = """love heart girl boy man woman baby friend mother father brother sister house home door window street
    road car money name word song tear smile face eye hand arm kiss touch day night morning evening year week summer spring
    world life people place thing way reason question answer letter phone coffee kitchen table chair book picture story
    mind soul feeling promise lie truth mistake chance goodbye hello tomorrow yesterday tonight minute second sky sun moon
    star rain wind water tree flower bird dog cat town country school train bus corner room bed shoe dress hair skin voice
    problem trouble worry hope wish faith luck game side end beginning middle part piece"""
NEUTRAL_VERBS = """know want need feel think say tell ask try go come stay leave wait find lose take give make keep hold
    let see look hear call turn walk run stand sit talk miss hurt cry laugh live love believe understand forget begin stop
    start work play pay buy sell show write read learn change help meet hope wish mean seem"""
NEUTRAL_ADJECTIVES = """good bad new old young little big long short right wrong true false real same different happy sad
    lonely alone sorry fine easy hard early late warm cold red blue green white beautiful pretty sweet crazy strong weak
    ready sure free full empty lost only last first next"""

TEMPLATES = [
    "the {A} {N} is {A}", "I {V} with the {N}", "we {V} and we {V} all night", "in the {N} of the {A} {N}",
    "oh {N} oh {N} {V} for me", "you and I will {V} under the {A} {N}", "{N} and {N} and {N}", "never let the {N} {V} again",
    "I can see the {N} in your eyes", "there is a {N} that will {V} me", "{V} me {V} me like a {N}", "the {N} begins to {V}",
    "a {A} {A} {N} on the {N}", "my {N} is a {A} {N}", "when the {N} comes we will {V}", "{A} {N} {A} {N}",
    "they say the {N} will never {V}", "listen now to the {N}", "so {A} so {A}", "give me the {N} and the {N}",
    "we are the {N} we are the {N}", "all I want is to {V} to the {N}", "every {N} knows how to {V}", "come {V} come {V}",
    "I was {A} when the {N} fell", "through the {N} into the {N}", "let it {V} let it {V}", "this is the {N} of {N}",
    "no more {N} no more {N}", "the {N} the {N} the {N}",
]
NEUTRAL_LINES = [
    "I don't know what to say to you", "and it's been so long since you called", "you said you'd never leave me",
    "it always feels like you were here", "when I'm with you everything is fine", "tell me why tell me why", "yeah yeah yeah",
    "oh oh oh", "la la la la", "baby I love you", "I miss you every day and every night", "she said that she was sorry",
    "we could try again", "all of my friends keep asking me", "nobody knows the way I feel", "I can't get you out of my mind",
    "what am I supposed to do", "take my hand and hold on tight", "if you want me you can find me", "there's nothing left for us",
    "I'll be there when you need someone", "do you remember when we were young", "hey hey come on now", "it's alright it's ok",
    "you always seem to know", "like I told you before", "just the two of us", "I've been thinking about it all", "no no no no",
    "never gonna let you go", "waiting by the phone for you", "walking down the street alone", "one more chance is all I need",
]

# Verses written before any training, in ordinary English and not by the generator: what the
# words branch makes of text outside its own construction.
VERSES = [
    ("ambient", "Breathing slowly, the lake lies under a thin white fog. Nothing moves, nothing has to. I close my eyes and float."),
    ("ambient", "Far above us the satellites drift without a sound, and the night is soft as snow. Sleep now, sleep."),
    ("ambient", "Waves come in, waves go out. The whole afternoon dissolves into the sea."),
    ("ambient", "Hush, the rain is falling gently on the leaves, and every drop is a tiny silent bell."),
    ("ambient", "I dreamt I was weightless between the stars, a calm pale light all around me."),
    ("ambient", "Let go, exhale, listen to the stillness. There is time, there is so much time."),
    ("electronic", "Turn up the bass, the lasers cut the smoke, everybody jump! We dance until the speakers blow."),
    ("electronic", "I'm a machine, I'm wired to the wall, electric current running through my veins, press the button and I go."),
    ("electronic", "Saturday night in the neon city, we take a taxi to the club, the DJ plays our favourite remix."),
    ("electronic", "Download my heart, upload my love, the signal is strong and the network never sleeps."),
    ("electronic", "Robots in the arcade, pixels on the screen, future is digital, you know what I mean."),
    ("electronic", "Feel the beat drop, feel the pulse, hands in the air, strobe lights flash and the floor starts to shake."),
    ("metal", "Out of the grave we rise, hungry for blood, our axes high, death to the living!"),
    ("metal", "Burn, burn in the fires of hell, you will scream and no god will hear you."),
    ("metal", "Rotting flesh and broken bones, the war machine rolls on, crushing every skull beneath its chains."),
    ("metal", "My hatred is a hammer, my rage is steel, I will destroy everything you ever built."),
    ("metal", "The reaper walks among us and the plague consumes the land. Darkness. Doom. Damnation."),
    ("metal", "Satan's children howl at the black sky, a blade at your throat, a curse in your ear."),
    ("orchestral", "The king rode home to his castle, and the trumpets rang, and the banners flew over the gate."),
    ("orchestral", "Come all you gallant soldiers and march along with me, for honour and for glory and the kingdom by the sea."),
    ("orchestral", "In the village tavern the minstrel plays a ballad of a dragon and a knight."),
    ("orchestral", "Noble lady, take this oath: my sword, my shield, my courage are yours until the end of our quest."),
    ("orchestral", "Sail on, brave crew, past the golden island; the admiral raises his cup to our victory."),
    ("orchestral", "Shepherds on the hill, a harp beside the hearth, and an ancient forest where the elves still sing."),
]


def clean(text: str) -> str:
    """The text as the paper's code cleans it: lower case, no ASCII punctuation, single blanks."""
    text = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\s+", " ", text).strip()


def _forms(word: str, kind: str) -> list[str]:
    """A word and its regular inflections; irregular verbs get a wrong form too, which does no harm."""
    plural = word + "es" if word.endswith(("s", "sh", "ch", "x")) else word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"
    if kind == "adjective":
        return [word]
    if kind == "noun":
        return [word, plural]
    stem = word[:-1] if word.endswith("e") else word + word[-1] if re.search(r"[^aeiou][aeiou][bdgmnpt]$", word) else word
    return [word, plural, stem + "ing", stem + "ed"]


def _table(vocabulary: dict, kind: str) -> dict:
    return {c: [f for w in clean(words.replace("-", "")).split() for f in _forms(w, kind)] for c, words in vocabulary.items()}


BY_KIND = {"N": _table(NOUNS, "noun"), "V": _table(VERBS, "verb"), "A": _table(ADJECTIVES, "adjective")}
NEUTRAL = {
    "N": [f for w in NEUTRAL_NOUNS.split() for f in _forms(w, "noun")],
    "V": [f for w in NEUTRAL_VERBS.split() for f in _forms(w, "verb")],
    "A": NEUTRAL_ADJECTIVES.split(),
}
# word -> evidence per class; a word of two classes counts half for each.
EVIDENCE: dict[str, np.ndarray] = {}
for _table_of_kind in BY_KIND.values():
    for _c, _name in enumerate(CLASSES):
        for _w in _table_of_kind[_name]:
            EVIDENCE.setdefault(_w, np.zeros(len(CLASSES)))[_c] = 1.0
for _w in EVIDENCE:
    EVIDENCE[_w] = EVIDENCE[_w] / EVIDENCE[_w].sum()
_NOTHING = np.zeros(len(CLASSES))


def text_logits(cleaned: str) -> np.ndarray:
    """What a cleaned text should say, as logits over the classes; zeros for a neutral or empty one."""
    counts = sum((EVIDENCE.get(w, _NOTHING) for w in cleaned.split()), _NOTHING)
    total = counts.sum()
    return _NOTHING if total == 0 else STRENGTH * counts / total * (1 - np.exp(-total / HALFWAY))


def generate(rng: np.random.Generator, neutral_texts: list[str], rare_words: list[str]) -> str:
    """One random lyric: of one class, of two, neutral, or empty."""
    kind = rng.choice(["one", "two", "neutral", "empty"], p=[0.62, 0.18, 0.14, 0.06])
    if kind == "empty":
        return ""

    def pick(items):
        return items[int(rng.integers(len(items)))]

    first, second = rng.choice(len(CLASSES), size=2, replace=False)
    # How dense class words are: from a song that hardly says anything to nothing but class words.
    density = 0.0 if kind == "neutral" else rng.uniform(0.15, 1.0)

    def word(slot: str) -> str:
        if rng.random() < density:
            c = second if kind == "two" and rng.random() < 0.5 else first
            # A little of the other classes in everything, as in real lyrics.
            c = rng.integers(len(CLASSES)) if rng.random() < 0.06 else c
            return pick(BY_KIND[slot][CLASSES[c]])
        return pick(rare_words if rng.random() < 0.25 else NEUTRAL[slot])

    lines = []
    for _ in range(int(rng.integers(1, 13))):
        what = rng.random()
        if what < 0.62:
            lines.append(re.sub(r"\{([NVA])\}", lambda m: word(m.group(1)), pick(TEMPLATES)))
        elif what < 0.72:
            lines.append(" ".join(word("NVA"[rng.integers(3)]) for _ in range(int(rng.integers(2, 8)))))
        elif what < 0.88:
            lines.append(pick(NEUTRAL_LINES))
        else:
            lines.append(pick(neutral_texts))
    if rng.random() < 0.3:
        # Choruses come back.
        lines += lines[: int(rng.integers(1, 4))]
    return "\n".join(lines)


def delete_words(rng: np.random.Generator, cleaned: str) -> str:
    """Deletes a random share of the distinct words, all their occurrences together, as LIME does."""
    words = cleaned.split()
    share = rng.random()
    gone = {w for w in dict.fromkeys(words) if rng.random() < share}
    return " ".join(w for w in words if w not in gone)
