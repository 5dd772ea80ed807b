"""What the moods are, and the written rules by which teachers' opinions become a target.

The target of a song is a product of experts: softmax(sound's logits + words' logits). Sound's logits come
from musicnn's tags by `TAG_WEIGHTS`; words' logits from `mood_of_words.py`. Both are defined for every
perturbation that an explainer makes, so the right answer is known for those as well.
"""

import numpy as np

import musicnn

MOODS = ["happy", "angry", "sad", "calm"]

# Full strength of one modality's evidence, in logits: e^3 : 1 : 1 : 1 is 87 %, and two modalities that
# contradict each other at full strength are torn between two moods.
STRENGTH = 3.0

# What a tag says about moods, by the tag's plain meaning; tags that aren't here (voices, decades, nations) say
# nothing. "MSD" and "MTT" name the tagger. A row is happy, angry, sad, calm.
TAG_WEIGHTS = {
    ("MSD", "happy"): (2.0, 0.0, -1.0, 0.0),
    ("MSD", "party"): (1.5, 0.0, -0.5, -0.5),
    ("MSD", "dance"): (1.0, 0.0, -0.5, -0.5),
    ("MSD", "catchy"): (1.0, 0.0, 0.0, 0.0),
    ("MSD", "funk"): (1.0, 0.0, -0.5, 0.0),
    ("MSD", "House"): (0.7, 0.0, -0.3, -0.3),
    ("MSD", "pop"): (0.5, -0.3, 0.0, 0.0),
    ("MSD", "metal"): (0.0, 1.5, 0.0, -0.7),
    ("MSD", "heavy metal"): (0.0, 1.5, 0.0, -0.7),
    ("MSD", "hard rock"): (0.0, 1.0, -0.3, -0.5),
    ("MSD", "punk"): (0.0, 1.0, -0.3, -0.7),
    ("MSD", "sad"): (-1.0, -0.5, 2.0, 0.0),
    ("MSD", "Mellow"): (-0.3, -0.7, 1.0, 0.5),
    ("MSD", "acoustic"): (0.0, -0.5, 0.7, 0.2),
    ("MSD", "folk"): (0.0, -0.3, 0.6, 0.0),
    ("MSD", "beautiful"): (0.0, -0.5, 0.7, 0.5),
    ("MSD", "chillout"): (0.0, -0.5, 0.0, 1.5),
    ("MSD", "chill"): (0.0, -0.5, 0.0, 1.5),
    ("MSD", "ambient"): (-0.5, 0.0, 0.0, 1.5),
    ("MSD", "easy listening"): (0.3, -0.5, 0.3, 0.5),
    ("MTT", "fast"): (0.8, 0.4, -0.5, -0.8),
    ("MTT", "dance"): (0.8, 0.0, -0.3, -0.3),
    ("MTT", "loud"): (0.0, 1.5, -0.5, -0.8),
    ("MTT", "metal"): (0.0, 1.5, 0.0, -0.5),
    ("MTT", "rock"): (0.2, 0.7, -0.3, -0.5),
    ("MTT", "slow"): (-0.7, -0.5, 1.2, 0.7),
    ("MTT", "cello"): (-0.3, -0.2, 0.9, 0.0),
    ("MTT", "violin"): (0.0, -0.2, 0.7, 0.0),
    ("MTT", "piano"): (0.0, -0.3, 0.7, 0.2),
    ("MTT", "solo"): (0.0, -0.2, 0.4, 0.0),
    ("MTT", "soft"): (-0.2, -0.7, 0.6, 0.8),
    ("MTT", "quiet"): (-0.4, -0.5, 0.4, 1.2),
    ("MTT", "ambient"): (-0.5, 0.0, 0.0, 1.5),
    ("MTT", "new age"): (0.0, -0.3, 0.2, 1.2),
}
_WEIGHTS = np.zeros((100, len(MOODS)))
for (_tagger, _tag), _row in TAG_WEIGHTS.items():
    _WEIGHTS[musicnn.TAGS[_tagger].index(_tag) + (50 if _tagger == "MSD" else 0)] = _row


class SoundRule:
    """From tags' logits to moods' logits.

    Taggers rarely say "happy" or "sad" outright, so what counts is how a patch differs from the music that is
    learnt from: each tag's logit is standardized over that music, clipped to three deviations, and weighted by
    the table; each mood's sum is standardized again, and the moods' mean is taken off. Most of what is left then is
    loud and fast against soft and slow, which two moods share either way; what tells those two apart is
    raised by whitening in part.
    """

    # 0 would leave every third window without a clear mood, 0.5 would be full whitening and trust the weakest direction as much as the strongest.
    WHITENING = 0.35

    def __init__(self, tags: np.ndarray):
        """`tags`: logits [patches, 100] (MTT's 50 before MSD's) of all that is learnt from."""
        self.mean, self.std = tags.mean(0), tags.std(0)
        sums = self._sums(tags)
        self.sum_mean, self.sum_std = sums.mean(0), sums.std(0)
        variance, axes = np.linalg.eigh(np.cov(self._centred(sums).T))
        # The first direction is the moods' mean, which was taken off.
        gain = np.concatenate([[0.0], (variance[1:] / variance[1:].mean()) ** -self.WHITENING])
        self.whiten = (axes * gain) @ axes.T

    def _centred(self, sums: np.ndarray) -> np.ndarray:
        z = (sums - self.sum_mean) / self.sum_std
        return z - z.mean(-1, keepdims=True)

    def _sums(self, tags: np.ndarray) -> np.ndarray:
        return np.clip((tags - self.mean) / self.std, -3, 3) @ _WEIGHTS

    def __call__(self, tags: np.ndarray) -> np.ndarray:
        """[..., 100] to logits [..., moods] within +-STRENGTH."""
        # One deviation is clear evidence; saturating, as no evidence is endless.
        return STRENGTH * np.tanh(self._centred(self._sums(tags)) @ self.whiten)


def heard(per_segment: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Sound's logits [moods] of a window of which the share `on` [segments], in [0, 1], is left of each segment.

    The mean over what is left, times the root of how much that is: half of a song is still nearly the song.
    """
    total = on.sum()
    return np.zeros(per_segment.shape[-1]) if total == 0 else (per_segment * on[:, None]).sum(0) / total * np.sqrt(total / len(on))


def fuse(sound: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Every sound with every text: probabilities [sounds, texts, moods], the product of the two experts."""
    logits = sound[:, None] + words[None]
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
