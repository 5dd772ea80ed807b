"""Figures on held-out tracks and unseen lyrics: both modalities, each alone, and the majority class."""

from collections import Counter
from pathlib import Path

import numpy as np
import torch

import sources
import spectrogram
import tokens
import words

CLIPS_PER_TRACK = 10
TEXTS = 240


def _clips(held, features, mean, std):
    """Evenly spaced windows of every held-out track that do not overlap."""
    values, labels, names = [], [], []
    for track in held:
        mel = features[track][0]
        fit = max(1, len(mel) // spectrogram.FRAMES)
        for i in range(min(fit, CLIPS_PER_TRACK)):
            start = (fit * i // min(fit, CLIPS_PER_TRACK)) * spectrogram.FRAMES
            values.append(spectrogram.to_model(spectrogram.window(mel, start), mean, std))
            labels.append(words.CLASSES.index(track.label))
            names.append(f"{track.package}/{track.name}")
    return torch.from_numpy(np.stack(values)), np.array(labels), names


def _balanced(right, labels):
    return float(np.mean([right[labels == c].mean() for c in sorted(set(labels.tolist()))]))


@torch.no_grad()
def _encode(model, tokenizer, values, texts):
    heard = torch.cat([model.hear(v) for v in values.split(16)])
    read = torch.cat([model.read(*tokens.encode(tokenizer, texts[i : i + 16])) for i in range(0, len(texts), 16)])
    logits = model.classifier(heard[:, None].expand(-1, len(read), -1), read[None].expand(len(heard), -1, -1))
    return logits.softmax(-1).numpy()


def measure(model, tokenizer, held, features, neutral, rare, mean, std) -> dict:
    """All figures of the card, as numbers."""
    values, a, names = _clips(held, features, mean, std)
    rng = np.random.default_rng(99)
    texts, logits = [], []
    while len(texts) < TEXTS:
        text = words.clean(words.generate(rng, neutral, rare))
        logit = words.text_logits(text)
        # Lyrics with a clear answer: the first class leads by half a modality's strength.
        if np.sort(logit)[-1] - np.sort(logit)[-2] > words.STRENGTH / 2:
            texts.append(text)
            logits.append(logit)
    logits = np.stack(logits)
    t = logits.argmax(1)
    verses = [words.clean(v) for _, v in words.VERSES]
    v = np.array([words.CLASSES.index(c) for c, _ in words.VERSES])

    silence = np.full((spectrogram.FRAMES - 2, spectrogram.BINS), spectrogram.FLOOR, np.float32)
    with_silence = torch.cat([values, torch.from_numpy(spectrogram.to_model(silence, mean, std))[None]])
    p = _encode(model, tokenizer, with_silence, texts + verses + [""])
    both, audio_only = p[:-1, :TEXTS], p[:-1, -1]
    lyrics_only, verses_only, nothing = p[-1, :TEXTS], p[-1, TEXTS:-1], p[-1, -1]

    agree = a[:, None] == t[None]
    right = both.argmax(-1) == a[:, None]
    order = np.argsort(both, -1)
    top_two = (np.sort(order[..., -2:], -1) == np.sort(np.stack(np.broadcast_arrays(a[:, None], t[None]), -1), -1)).all(-1)
    wanted = words.STRENGTH * np.eye(4)[a][:, None] + logits[None]
    wanted = np.exp(wanted) / np.exp(wanted).sum(-1, keepdims=True)
    per_track = {n: audio_only[[i for i, m in enumerate(names) if m == n]].mean(0).argmax() for n in dict.fromkeys(names)}
    track_label = {n: a[names.index(n)] for n in per_track}
    track_right = np.array([per_track[n] == track_label[n] for n in per_track])
    heard = audio_only.argmax(1)
    return {
        "clips": len(a), "tracks": len(per_track), "texts": TEXTS, "verses": len(v),
        "clips_per_class": {words.CLASSES[c]: int(n) for c, n in sorted(Counter(a.tolist()).items())},
        "tracks_per_class": {words.CLASSES[c]: int(n) for c, n in sorted(Counter(int(x) for x in track_label.values()).items())},
        "audio_only": {
            "clip_accuracy": float((heard == a).mean()), "clip_balanced": _balanced(heard == a, a),
            "track_accuracy": float(track_right.mean()), "track_balanced": _balanced(track_right, np.array(list(track_label.values()))),
            "clip_majority": float(np.bincount(a).max() / len(a)), "track_majority": float(np.bincount(list(track_label.values())).max() / len(track_label)),
            "recall": {c: float((heard == a)[a == i].mean()) for i, c in enumerate(words.CLASSES)},
            "confusion_rows_are_truth": [[int(((a == i) & (heard == j)).sum()) for j in range(4)] for i in range(4)],
            "wrong_tracks": {n: words.CLASSES[int(per_track[n])] for n in per_track if per_track[n] != track_label[n]},
        },
        "lyrics_only": {
            "generated": float((lyrics_only.argmax(1) == t).mean()), "generated_majority": float(np.bincount(t).max() / TEXTS),
            "verses": float((verses_only.argmax(1) == v).mean()), "verses_majority": 0.25,
            "wrong_verses": [f"{words.VERSES[i][1]} -> {words.CLASSES[verses_only[i].argmax()]}" for i in np.flatnonzero(verses_only.argmax(1) != v)],
        },
        "both": {
            "agreeing": float(right[agree].mean()), "agreeing_balanced": _balanced(np.array([right[i][agree[i]].mean() for i in range(len(a))]), a),
            "conflicting_top_two": float(top_two[~agree].mean()),
            "conflicting_follow_audio": float(right[~agree].mean()),
            "conflicting_follow_lyrics": float((both.argmax(-1) == t[None])[~agree].mean()),
            "distance_to_wanted": float(0.5 * np.abs(both - wanted).sum(-1).mean()),
            "audio_only_on_same": float((heard[:, None] == a[:, None]).repeat(TEXTS, 1)[agree].mean()),
        },
        "nothing": dict(zip(words.CLASSES, [round(float(x), 3) for x in nothing])),
    }


def try_song(model, tokenizer, song: Path, lyrics: str, mean, std) -> dict:
    """What the model makes of one song: with its lyrics, without, and of the lyrics alone."""
    samples = sources.decode(sources.Track("", "", song.stem, (str(song),)), spectrogram.RATE)
    loud = spectrogram.to_model(spectrogram.fbank(samples), mean, std)
    silent = spectrogram.to_model(np.full((spectrogram.FRAMES - 2, spectrogram.BINS), spectrogram.FLOOR, np.float32), mean, std)
    p = _encode(model, tokenizer, torch.from_numpy(np.stack([loud, silent])), [words.clean(lyrics), ""])
    named = lambda x: {c: round(float(v), 3) for c, v in zip(words.CLASSES, x)}
    return {"song": song.name, "lyrics": lyrics, "both": named(p[0, 0]), "without lyrics": named(p[0, 1]), "without sound": named(p[1, 0]), "neither": named(p[1, 1])}
