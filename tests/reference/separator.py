"""Writes tests/golden/convert/separator/: an Open-Unmix as the openunmix package keeps one (four
state dicts with seeded random weights, and separator.json), and separator.golden.safetensors beside
the folder: a mono mix and the four stems into which the package separates it.

Made with openunmix 1.3.0 and torch 2.15.0:

    python tests/reference/separator.py
"""

import json
from pathlib import Path

import torch

# torchaudio, which openunmix imports, refuses to load beside a torch built for another CUDA
# version, although nothing here runs on CUDA.
if torch.version.cuda is not None:
    torch.version.cuda = "13.0"

from openunmix.model import OpenUnmix, Separator
from safetensors.torch import save_file

RATE, N_FFT, N_HOP, HIDDEN, MAX_BIN = 8000, 256, 64, 6, 100
TARGETS = ["vocals", "drums", "bass", "other"]


def network(generator: torch.Generator) -> OpenUnmix:
    """Random weights, with every norm and scale away from 1 and 0."""
    net = OpenUnmix(nb_bins=N_FFT // 2 + 1, nb_channels=1, hidden_size=HIDDEN, max_bin=MAX_BIN)
    state = net.state_dict()
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var") or name in ("input_scale", "output_scale"):
            state[name] = 0.5 + noise.abs()
        elif name == "output_mean":
            state[name] = 0.5 + 0.2 * noise
        elif name.startswith("bn") and name.endswith(".weight"):
            state[name] = 1 + 0.2 * noise
        else:
            state[name] = 0.3 * noise
    net.load_state_dict(state)
    return net.eval()


def main() -> None:
    out = Path(__file__).parents[1] / "golden/convert/separator"
    out.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(20)
    networks = {target: network(generator) for target in TARGETS}
    for target, net in networks.items():
        torch.save(net.state_dict(), out / f"{target}-0123abcd.pth")
    (out / "separator.json").write_text(
        json.dumps({"sample_rate": RATE, "nfft": N_FFT, "nhop": N_HOP, "nb_channels": 1}) + "\n"
    )
    time = torch.arange(2400) / RATE
    mix = 0.3 * torch.sin(2 * torch.pi * 440 * time) + 0.1 * torch.randn(2400, generator=generator)
    separator = Separator(
        networks, niter=1, sample_rate=RATE, n_fft=N_FFT, n_hop=N_HOP, nb_channels=1
    ).eval()
    with torch.no_grad():
        stems = separator(mix[None, None])[0, :, 0]
    tensors = {"mix": mix} | {target: stems[i].contiguous() for i, target in enumerate(TARGETS)}
    save_file(tensors, out.parent / "separator.golden.safetensors")


if __name__ == "__main__":
    main()
