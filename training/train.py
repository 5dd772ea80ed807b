"""Fetches data, trains the demo model, measures it, and turns it into a bundle: one command, seeded, resumable.

    python training/train.py --out models/demo --musiclime target/release/musiclime

Every stage keeps its result under `training/work/` and is skipped when that is there: delete a
file to redo its stage. A step's data depend on the seed and the step's number alone, so a run that
was interrupted and resumed sees what an uninterrupted one would have seen.
"""

import argparse
import json
import random
import shlex
import subprocess
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import card
import evaluate
import sources
import spectrogram
import tokens
import words
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
    p.add_argument("--steps", type=int, default=1500)
    p.add_argument("--minutes", type=float, default=20.0, help="stop training after this time (the learning rate follows whichever of steps and minutes is further)")
    p.add_argument("--save-seconds", type=float, default=60.0, help="time between two stored states")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1, help="one is fastest on a shared machine: these matrices are small")
    p.add_argument("--try-song", type=Path, help="a song to listen to at the end")
    p.add_argument("--try-lyrics", default="", help="its lyrics")
    return p.parse_args()


def tokenizer_for(work: Path, neutral: list[str], rare: list[str]) -> Tokenizer:
    """The tokenizer, learnt once."""
    path = work / "checkpoint/tokenizer.json"
    if not path.exists():
        rng = np.random.default_rng(SPLIT_SEED)
        made = [words.clean(words.generate(rng, neutral, rare)) for _ in range(20_000)]
        tokenizer = tokens.learn(made + [words.clean(t) for t in neutral])
        path.parent.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(path))
    return Tokenizer.from_file(str(path))


def batch(rng, music, tokenizer, neutral, rare, mean, std, audios=20, texts=45, buckets=3):
    """Random windows and random lyrics with the logits each of them should contribute."""
    views, a_logits = [], []
    for i in range(audios):
        # Classes and, within a class, tracks are drawn evenly: a long album is no better a teacher.
        label = i % len(words.CLASSES)
        mel, drums = music[label][int(rng.integers(len(music[label])))]
        view, left = spectrogram.random_view(rng, mel, drums)
        views.append(spectrogram.to_model(view, mean, std))
        # The square root: half of a song is still nearly the song.
        a_logits.append(words.STRENGTH * np.sqrt(left) * np.eye(len(words.CLASSES))[label])
    lyrics = []
    for _ in range(texts):
        text = words.clean(words.generate(rng, neutral, rare))
        lyrics.append(words.delete_words(rng, text) if rng.random() < 0.4 else text)
    # Short texts with short ones, so that little is computed for padding.
    lyrics.sort(key=len)
    size = texts // buckets
    encoded = [tokens.encode(tokenizer, lyrics[i : i + size]) for i in range(0, texts, size)]
    t_logits = np.stack([words.text_logits(t) for t in lyrics])
    target = torch.tensor(np.stack(a_logits)[:, None] + t_logits[None], dtype=torch.float32).softmax(-1)
    return torch.from_numpy(np.stack(views)), encoded, target


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
            # Put in place as a whole: being stopped while writing must not cost the last good state.
            torch.save(state, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
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
    texts = [words.VERSES[7][1], "The king is dead. " * 70]
    ids, attention = tokens.encode(tokenizer, [words.clean(t) for t in texts], MAX_TOKENS)
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

    unpacked = sources.fetch(args.work)
    everything = sources.tracks(unpacked)
    learn, held = sources.split(everything, np.random.default_rng(SPLIT_SEED))
    neutral, rare = sources.neutral_texts(unpacked), sources.rare_words(unpacked)
    tokenizer = tokenizer_for(args.work, neutral, rare)
    print(f"{len(learn)} tracks to learn from, {len(held)} held out; {tokenizer.get_vocab_size()} tokens", flush=True)
    features = {t: spectrogram.prepare(t, sources.decode, args.work / "features") for t in everything}

    cells = [features[t][0][:: 7].astype(np.float32) for t in learn]
    mean = round(float(np.mean(np.concatenate(cells))), 4)
    std = round(float(np.std(np.concatenate(cells))), 4)
    music = [[features[t] for t in learn if t.label == c] for c in words.CLASSES]

    audio, text = configs(tokenizer.get_vocab_size())
    model = MusicModel(audio, text, len(words.CLASSES))
    run = train(args, model, lambda rng: batch(rng, music, tokenizer, neutral, rare, mean, std))
    model.eval()
    # The bundle stores f16. Rounding here makes the figures and the golden file those of the bundle.
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.half().float())

    out = args.work / "checkpoint"
    state = {k: v.contiguous() for k, v in model.state_dict().items() if v.is_floating_point()}
    save_file(state, out / "model.safetensors")
    config = {
        "audio": audio.to_dict(), "text": text.to_dict(),
        "feature_extractor": {
            "sampling_rate": spectrogram.RATE, "max_frames": spectrogram.FRAMES, "num_mel_bins": spectrogram.BINS, "mean": mean, "std": std,
        },
        "text_cleaning": "paper", "max_tokens": MAX_TOKENS,
    }
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "labels.txt").write_text("\n".join(words.CLASSES) + "\n")
    golden(args.golden, model, tokenizer, mean, std)

    figures = evaluate.measure(model, tokenizer, held, features, neutral, rare, mean, std)
    figures["run"] = {**run, "seed": args.seed, "minutes_allowed": args.minutes, "parameters": sum(v.numel() for v in state.values()), "learn_tracks": len(learn)}
    if args.try_song:
        figures["try"] = evaluate.try_song(model, tokenizer, args.try_song, args.try_lyrics, mean, std)
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2), flush=True)
    text_of_card = card.write(figures, everything, bool(args.separator))
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
