"""Renders songs, trains the planted-truth model, converts it and writes its test songs: one command, seeded.

    python training/planted/train.py --out tests/planted --musiclime target/release/musiclime

Nothing is downloaded. `training/work/planted/` keeps the last state; delete it to start anew. A run
that was interrupted resumes, and sees what an uninterrupted one would have seen.
"""

import argparse
import functools
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent))
import torch_quirk  # noqa: E402, F401  (before transformers)
import checkpoint  # noqa: E402
from network import MusicModel  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import ASTConfig, RobertaConfig  # noqa: E402

import hearing  # noqa: E402
import lyrics  # noqa: E402
import sounds  # noqa: E402
import tokens  # noqa: E402
import truth  # noqa: E402

MAX_TOKENS = 64
WIDTH = 48
RATE = 2e-3
# Hearing a roll is the harder half, so more sounds than texts.
AUDIOS, TEXTS = 48, 16


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--work", type=Path, default=HERE.parent / "work/planted")
    p.add_argument("--out", type=Path, default=HERE.parent.parent / "tests/planted")
    p.add_argument("--musiclime", default="musiclime", help="the program that converts; 'none' stops before it")
    p.add_argument("--steps", type=int, default=2500)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1, help="one is fastest on a shared machine: these matrices are small")
    return p.parse_args()


def configs(vocabulary: int) -> tuple[ASTConfig, RobertaConfig]:
    """The paper's architecture with 64 patches and two layers of 48 each."""
    shape = dict(
        hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )
    audio = ASTConfig(
        **shape, layer_norm_eps=1e-12, patch_size=16, frequency_stride=16, time_stride=16,
        max_length=hearing.FRAMES, num_mel_bins=hearing.BINS,
    )
    text = RobertaConfig(
        **shape, vocab_size=vocabulary, layer_norm_eps=1e-5, type_vocab_size=1,
        max_position_embeddings=MAX_TOKENS + 2, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )
    return audio, text


def normalisation(args, pool) -> tuple[float, float]:
    """Mean and standard deviation of the log mel energies, measured once."""
    path = args.work / "normalisation.json"
    if not path.exists():
        rng = np.random.default_rng([args.seed, 2])
        views = torch.from_numpy(np.stack([pool().view(rng)[0] for _ in range(64)]))
        hearing.check_fbank(views[0])
        mel = hearing.fbank(views)
        path.write_text(json.dumps([round(mel.mean().item(), 4), round(mel.std().item(), 4)]))
    mean, std = json.loads(path.read_text())
    return mean, std


def learnt_tokenizer() -> Tokenizer:
    """Every word of the lyrics is one token, so that a word is never part of another."""
    tokenizer = tokens.learn([" ".join(lyrics.COMMON + lyrics.RARE + lyrics.PLANTED)] * 3)
    longest = max(len(tokenizer.encode(lyrics.clean(t)).ids) for t in (lyrics.WITH, lyrics.WITHOUT))
    assert longest <= MAX_TOKENS
    return tokenizer


def batch(rng, pool, tokenizer, mean, std):
    """Masked songs, texts with words deleted, and what the model should say of every pair."""
    views = [pool.view(rng) for _ in range(AUDIOS)]
    values = hearing.to_model(hearing.fbank(torch.from_numpy(np.stack([v[0] for v in views]))), mean, std)
    texts = hearing.texts(rng, TEXTS)
    target = hearing.target(np.array([v[1] for v in views]), np.array([lyrics.planted_left(t) for t in texts]))
    return values, [tokens.encode(tokenizer, texts)], torch.tensor(target, dtype=torch.float32)


def divergence(model, values, texts, target):
    """Cross-entropy less the target's own entropy: 0 is perfect."""
    log_p = model.crossed(values, texts).log_softmax(-1)
    return (target * (target.log() - log_p)).sum(-1).mean()


def train(args, model, make_batch):
    """AdamW with warm-up and a cosine. Each step's data depend on the seed and its number alone."""
    path = args.work / "last.pt"
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    step = 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    losses, began = [], time.time()
    while step < args.steps:
        rate = float(RATE * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * step / args.steps))))
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = divergence(model, *make_batch(np.random.default_rng([args.seed, step])))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        step += 1
        if step % 50 == 0:
            print(f"step {step}  {(time.time() - began) / 60:.1f} min  divergence {np.mean(losses[-50:]):.4f}", flush=True)
        if step % 250 == 0 or step == args.steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
            checkpoint.keep(state, path)


def convert(args, model, tokenizer, songs, audio, text, mean, std):
    """Writes the checkpoint as `musiclime convert` takes it, and has it converted and checked."""
    out = args.work / "checkpoint"
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    extractor = {"sampling_rate": sounds.RATE, "max_frames": hearing.FRAMES, "num_mel_bins": hearing.BINS, "mean": mean, "std": std}
    checkpoint.write(out, model, audio, text, extractor, hearing.CLASSES, MAX_TOKENS)
    values = truth.heard([stems.sum(0, dtype=np.int16) for stems in songs.values()], mean, std)
    ids, attention = tokens.encode(tokenizer, [lyrics.clean(t) for t in (lyrics.WITH, lyrics.WITHOUT)], MAX_TOKENS)
    with torch.no_grad():
        logits = model(values, ids, attention)
    golden = {"input_values": values.contiguous(), "input_ids": ids, "attention_mask": attention, "logits": logits}
    save_file(golden, out / "golden.safetensors")
    if args.musiclime == "none":
        return
    subprocess.run([
        args.musiclime, "convert", str(out / "model.safetensors"), "--labels", str(out / "labels.txt"),
        "--config", str(out / "config.json"), "--tokenizer", str(out / "tokenizer.json"), "--dtype", "f16", "--out", str(args.out),
        "--id", "planted", "--title", "Planted truth: drum rolls and three words",
        "--description", truth.DESCRIPTION, "--licence", "MIT OR Apache-2.0",
    ], check=True)
    subprocess.run([args.musiclime, "bundle", "check", str(args.out), "--golden", str(out / "golden.safetensors")], check=True)


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.work.mkdir(parents=True, exist_ok=True)
    # Rendered when first asked for: a finished training is only converted and measured again.
    pool = functools.cache(lambda: hearing.Pool([args.seed, 1], drums=1500, rest=400))
    mean, std = normalisation(args, pool)
    tokenizer = learnt_tokenizer()
    audio, text = configs(tokenizer.get_vocab_size())
    model = MusicModel(audio, text, len(hearing.CLASSES))
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {tokenizer.get_vocab_size()} tokens", flush=True)
    train(args, model, lambda rng: batch(rng, pool(), tokenizer, mean, std))
    model.eval()
    checkpoint.round_to_f16(model)
    songs, candidates = truth.choose(model, tokenizer, mean, std)
    convert(args, model, tokenizer, songs, audio, text, mean, std)
    truth.write_songs(args.out / "songs", songs)
    run = {"seed": args.seed, "steps": args.steps, "audios": AUDIOS, "texts": TEXTS}
    held_out = hearing.Pool([args.seed, 3], drums=200, rest=60)
    (args.out / "README.md").write_text(truth.card(model, tokenizer, songs, candidates, held_out, mean, std, run))


if __name__ == "__main__":
    main()
