"""Trains a small Open-Unmix on rendered songs: one command from nothing to a folder that `musiclime convert --separator` reads.

    python training/stems/train.py --work training/work --out training/work/open-unmix --minutes 45

Renders what isn't there yet (`--songs`), computes the input scaling, trains one network per target
side by side on the same mixes, keeps each one's best state on held-out songs, and writes the layout
of the openunmix package: TARGET.pth, TARGET.json, separator.json. An interrupted run resumes.
"""

import argparse
import copy
import json
import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mixing
import numpy as np
import torch
import torch_quirk  # noqa: F401  (before torchaudio, which openunmix imports)
from mixing import BINS, HOP, N_FFT, TARGETS
from openunmix.model import OpenUnmix
from openunmix.utils import bandwidth_to_max_bin

RATE = 44_100
HIDDEN, BANDWIDTH = 96, 16_000
BATCH, REAL = 16, 5
STEPS, MINUTES, RATE_AT_START = 4000, 45.0, 2e-3
VALIDATE_EVERY = 150


def scaling(pool: mixing.Pool, music, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and scale of the mixes' magnitudes per bin, as the package's train.py computes them (a floor of 1e-4 of the largest)."""
    rng = np.random.default_rng([seed, 1])
    total, square, count = torch.zeros(BINS, dtype=torch.float64), torch.zeros(BINS, dtype=torch.float64), 0
    for _ in range(12):
        mix, _ = mixing.batch(pool, music, BATCH, REAL, rng)
        total += mix.double().sum((0, 2))
        square += (mix.double() ** 2).sum((0, 2))
        count += mix.shape[0] * mix.shape[2]
    mean = total / count
    std = (square / count - mean**2).clamp_min(0).sqrt()
    return mean.numpy(), np.maximum(std.numpy(), 1e-4 * std.max().item())


def build(mean: np.ndarray, std: np.ndarray) -> OpenUnmix:
    network = OpenUnmix(
        nb_bins=BINS, nb_channels=1, hidden_size=HIDDEN, input_mean=mean, input_scale=std,
        max_bin=int(bandwidth_to_max_bin(RATE, N_FFT, BANDWIDTH)),
    )
    # The package drops 40 % between the layers, for networks five times as wide. Without, a step has no chance in it
    # but the batch's, and networks can learn in parallel threads and still repeat.
    network.lstm.dropout = 0.0
    return network


def distance(estimate: torch.Tensor, target: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
    """Squared error over the mix's energy, which is what SDR counts, and a little of the absolute error over the mix's
    magnitude, which hears the quiet upper bands; per item, so that soft mixes count as well. With much of the absolute
    error, networks answer nothing whenever they are less than half sure, and a real voice came out 10 dB too soft.
    """
    dims = (1, 2)
    squared = ((estimate - target) ** 2).mean(dims) / ((mix**2).mean(dims) + 1e-3)
    absolute = (estimate - target).abs().mean(dims) / (mix.mean(dims) + 1e-2)
    return (squared + 0.05 * absolute).mean()


def learn(network, optimizer, target: str, mix: torch.Tensor, stems: torch.Tensor, rate: float) -> float:
    """One step of one network; only that for vocals sees the mixes with real music."""
    n = BATCH if target == "vocals" else BATCH - REAL
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = distance(network(mix[:n, None])[:, 0], stems[:n, TARGETS.index(target)], mix[:n])
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def validate(networks, songs: list[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, float]:
    out = {t: 0.0 for t in TARGETS}
    with torch.no_grad():
        for target, network in networks.items():
            network.eval()
            j = TARGETS.index(target)
            for mix, stems in songs:
                out[target] += distance(network(mix[None, None])[:, 0], stems[j][None], mix[None]).item() / len(songs)
            network.train()
    return out


def held_out_songs(work: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    found = []
    for path in sorted((work / "songs-held-out").glob("[0-9]*.npy")):
        stems = mixing.spectrogram(torch.from_numpy(np.load(path).astype(np.float32) / 32767))
        found.append((stems.sum(0).abs(), stems.abs()))
    return found


def write(out: Path, states: dict[str, dict], figures: dict) -> None:
    """The package's layout; its loader reads nfft, nb_channels and hidden_size from TARGET.json."""
    out.mkdir(parents=True, exist_ok=True)
    args = {"nfft": N_FFT, "nhop": HOP, "nb_channels": 1, "hidden_size": HIDDEN, "bandwidth": BANDWIDTH, "sample_rate": RATE}
    for target, state in states.items():
        part = out / f"{target}.part"
        torch.save(state, part)
        part.rename(out / f"{target}.pth")
        (out / f"{target}.json").write_text(json.dumps({"args": args | {"target": target}, **figures.get(target, {})}, indent=1) + "\n")
    (out / "separator.json").write_text(json.dumps({"sample_rate": RATE, "nfft": N_FFT, "nhop": HOP, "nb_channels": 1}, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("training/work"))
    parser.add_argument("--out", type=Path, default=Path("training/work/open-unmix"))
    parser.add_argument("--songs", type=int, default=320)
    parser.add_argument("--validation", type=int, default=10)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-render", action="store_true", help="train on the songs that are there while others are being rendered")
    a = parser.parse_args()
    # Threads share out the networks, not the rows of a product: those are small, and waiting for each other costs more.
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    if not a.no_render:
        render = [sys.executable, str(Path(__file__).with_name("render.py")), "--work", str(a.work), "--jobs", str(a.threads)]
        subprocess.run([*render, "--songs", str(a.songs)], check=True)
        # Validation songs have numbers of their own: those from 0 on are for testing.
        subprocess.run([*render, "--songs", str(a.validation), "--first", "1000", "--held-out"], check=True)

    pool, music = mixing.Pool(a.work / "songs"), mixing.real_music(a.work, False)
    validation = held_out_songs(a.work)
    last = a.work / "stems-last.pt"
    if last.exists():
        saved = torch.load(last, weights_only=False)
    else:
        mean, std = scaling(pool, music, a.seed)
        saved = {"step": 0, "minutes": 0.0, "mean": mean, "std": std, "networks": None, "best": {}, "figures": {}}
    networks = {t: build(saved["mean"], saved["std"]) for t in TARGETS}
    optimizers = {t: torch.optim.Adam(n.parameters(), lr=RATE_AT_START, weight_decay=1e-5) for t, n in networks.items()}
    if saved["networks"]:
        for t in TARGETS:
            networks[t].load_state_dict(saved["networks"][t])
            optimizers[t].load_state_dict(saved["optimizers"][t])
    best, figures, step = saved["best"], saved["figures"], saved["step"]
    size = sum(p.numel() for p in networks["vocals"].parameters())
    print(f"{len(pool.songs)} songs, {len(music)} real tracks, {len(validation)} held-out songs, {size} parameters per target, step {step}", flush=True)

    begun, before, stored = time.monotonic(), saved["minutes"], time.monotonic()
    sums, summed = {t: 0.0 for t in TARGETS}, 0
    workers = ThreadPoolExecutor(len(TARGETS) + 1)
    following = workers.submit(mixing.batch, pool, music, BATCH, REAL, np.random.default_rng([a.seed, 2, step]))
    while True:
        minutes = before + (time.monotonic() - begun) / 60
        done = max(step / a.steps, minutes / a.minutes)
        if done >= 1:
            break
        rate = RATE_AT_START * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        mix, stems = following.result()
        following = workers.submit(mixing.batch, pool, music, BATCH, REAL, np.random.default_rng([a.seed, 2, step + 1]))
        learning = [workers.submit(learn, networks[t], optimizers[t], t, mix, stems, rate) for t in TARGETS]
        for target, loss in zip(TARGETS, learning):
            sums[target] += loss.result()
        step, summed = step + 1, summed + 1
        if step % VALIDATE_EVERY == 0 or step == 50:
            pool.refresh()
            now = validate(networks, validation)
            for t in TARGETS:
                if t not in best or now[t] < figures[t]["held_out_loss"]:
                    best[t] = copy.deepcopy(networks[t].state_dict())
                    figures[t] = {"step": step, "held_out_loss": now[t]}
            write(a.out, best, figures)
            shown = "  ".join(f"{t} {sums[t] / summed:.4f}/{now[t]:.4f}" for t in TARGETS)
            print(f"step {step} {minutes:.1f} min, {len(pool.songs)} songs, learned/held out: {shown}", flush=True)
            sums, summed = {t: 0.0 for t in TARGETS}, 0
        if time.monotonic() - stored > 60:
            stored = time.monotonic()
            part = last.with_suffix(".part")
            torch.save({
                "step": step, "minutes": minutes, "mean": saved["mean"], "std": saved["std"], "best": best, "figures": figures,
                "networks": {t: n.state_dict() for t, n in networks.items()}, "optimizers": {t: o.state_dict() for t, o in optimizers.items()},
            }, part)
            part.rename(last)
    now = validate(networks, validation)
    for t in TARGETS:
        if t not in best or now[t] < figures[t]["held_out_loss"]:
            best[t], figures[t] = networks[t].state_dict(), {"step": step, "held_out_loss": now[t]}
    write(a.out, best, figures)
    print(f"finished at step {step}: {figures}", flush=True)


if __name__ == "__main__":
    main()
