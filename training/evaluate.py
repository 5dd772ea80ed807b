"""Figures on sounds and texts of which nothing was learnt: agreement with the fused teacher, by modality, by mood, and calibration."""

import lyrics
import moods
import numpy as np
import sources
import spectrogram
import tokens
import torch
from moods import MOODS

WINDOWS = 4
TEXTS = 240
BINS = 10


def _windows(held, rule, mean, std):
    """Evenly spaced windows that do not overlap, with the teacher's logits."""
    values, logits, pieces = [], [], []
    for sound in held:
        fit = max(1, len(sound.heard.mel) // spectrogram.FRAMES)
        for i in range(min(fit, WINDOWS)):
            start = (fit * i // min(fit, WINDOWS)) * spectrogram.FRAMES
            values.append(spectrogram.to_model(spectrogram.window(sound.heard.mel, start), mean, std))
            logits.append(moods.heard(rule(sound.heard.tags_at(start)), np.ones(spectrogram.SEGMENTS)))
            pieces.append(sound)
    return torch.from_numpy(np.stack(values)), np.stack(logits), pieces


@torch.no_grad()
def probabilities(model, tokenizer, values, texts):
    """[windows, texts, moods] of every window with every cleaned text."""
    heard = torch.cat([model.hear(v) for v in values.split(16)])
    read = torch.cat([model.read(*tokens.encode(tokenizer, texts[i : i + 16])) for i in range(0, len(texts), 16)])
    logits = model.classifier(heard[:, None].expand(-1, len(read), -1), read[None].expand(len(heard), -1, -1))
    return logits.softmax(-1).numpy()


def _recall(answer, truth):
    return {m: float((answer == i)[truth == i].mean()) if (truth == i).any() else None for i, m in enumerate(MOODS)}


def _entry(answer, truth) -> dict:
    recall = _recall(answer, truth)
    return {
        "agreement": float((answer == truth).mean()),
        "majority": float(np.bincount(truth.ravel(), minlength=len(MOODS)).max() / truth.size),
        "balanced": float(np.mean([r for r in recall.values() if r is not None])),
        "recall": recall,
        "of_each": {m: int((truth == i).sum()) for i, m in enumerate(MOODS)},
    }


def _calibration(p, wanted) -> dict:
    """How sure the model is of its first answer, and how sure the teacher is of that same answer, in bins of the model's probability."""
    answer = p.argmax(-1)
    sure = p.max(-1).ravel()
    teacher = np.take_along_axis(wanted, answer[..., None], -1).ravel()
    right = (answer == wanted.argmax(-1)).ravel()
    edges = np.minimum((sure * BINS).astype(int), BINS - 1)
    rows = [
        {"from": b / BINS, "share": float((edges == b).mean()), "model": float(sure[edges == b].mean()), "teacher": float(teacher[edges == b].mean()), "agreement": float(right[edges == b].mean())}
        for b in range(BINS) if (edges == b).any()
    ]
    return {"bins": rows, "error": float(sum(r["share"] * abs(r["model"] - r["teacher"]) for r in rows))}


def measure(model, tokenizer, rule, held, held_text: lyrics.Lines, mean, std) -> dict:
    """All figures of the card, as numbers. Sounds and texts are crossed: every window is heard with every text."""
    values, sound, pieces = _windows(held, rule, mean, std)
    rng = np.random.default_rng(99)
    composed = []
    while len(composed) < TEXTS:
        text, logits = lyrics.compose(rng, held_text)
        if text:
            composed.append((text, logits))
    texts, words = [t for t, _ in composed], np.stack([w for _, w in composed])
    silence = np.full((spectrogram.FRAMES - 2, spectrogram.BINS), spectrogram.FLOOR, np.float32)
    with_silence = torch.cat([values, torch.from_numpy(spectrogram.to_model(silence, mean, std))[None]])
    p = probabilities(model, tokenizer, with_silence, [*texts, ""])
    both, audio, lyric, nothing = p[:-1, :-1], p[:-1, -1], p[-1, :-1], p[-1, -1]
    wanted = moods.fuse(sound, words)
    truth = wanted.argmax(-1)

    # Clear ones: the teacher's first mood leads by half of a modality's strength.
    lead = np.sort(sound, 1)
    clear = lead[:, -1] - lead[:, -2] > moods.STRENGTH / 2
    text_lead = np.sort(words, 1)
    clear_text = text_lead[:, -1] - text_lead[:, -2] > moods.STRENGTH / 2
    new = np.array([s.source in sources.HELD_OUT_PACKAGES for s in pieces])
    made = np.array([s.source == "rendered" for s in pieces])
    audio_answer, sound_truth = audio.argmax(1), sound.argmax(1)
    groups = {"new packages": new, "new tracks of known packages": ~new & ~made, "rendered songs": made}
    return {
        "windows": len(pieces), "sounds": len(held), "pieces": len({(s.source, s.piece) for s in held}), "texts": TEXTS,
        "both": _entry(both.argmax(-1), truth),
        # What each modality alone makes of the same fused target.
        "audio_alone_on_fused": float((audio_answer[:, None] == truth).mean()),
        "lyrics_alone_on_fused": float((lyric.argmax(1)[None] == truth).mean()),
        "audio": _entry(audio_answer, sound_truth),
        "audio_clear": _entry(audio_answer[clear], sound_truth[clear]),
        "audio_by_group": {name: {"windows": int(k.sum()), "agreement": float((audio_answer == sound_truth)[k].mean())} for name, k in groups.items() if k.any()},
        "audio_correlation": float(np.corrcoef(_centred(np.log(audio)).ravel(), sound.ravel())[0, 1]),
        "lyrics": _entry(lyric.argmax(1), words.argmax(1)),
        "lyrics_clear": _entry(lyric.argmax(1)[clear_text], words.argmax(1)[clear_text]),
        "lyrics_correlation": float(np.corrcoef(_centred(np.log(lyric)).ravel(), words.ravel())[0, 1]),
        "calibration": _calibration(both, wanted),
        "distance_to_wanted": float(0.5 * np.abs(both - wanted).sum(-1).mean()),
        "nothing": dict(zip(MOODS, [round(float(x), 3) for x in nothing])),
    }


def _centred(x):
    return x - x.mean(-1, keepdims=True)
