"""Writes the golden files of Open-Unmix: what the openunmix package computes.

    python tests/reference/open_unmix.py

writes `tests/golden/open_unmix/*.safetensors`. A file per network holds the weights (float16, by
the package's names behind that of their stem), mixes (`mono.mix`, `stereo.mix`: [channels,
samples]), what the package makes of them (`mono.wiener_1` and so on: [stems, channels, samples])
and the sizes as JSON in the metadata under "config". `parts.safetensors` holds inputs and outputs
of the package's filter and of the transforms alone.

Written with openunmix 1.3.0, torch 2.15.0 (on the CPU), torchaudio, safetensors 0.8.0, Python 3.11.

All weights are random with a fixed seed, norms and scales away from 1 and 0, and rounded to
float16 before anything is computed. Everything is computed in double precision, as the package
recommends for its filter: where both channels are nearly the same, what single precision gives is
mostly rounding. How far single precision is from it is printed.
"""

import json
import pathlib

import torch

# torchaudio, which openunmix imports, refuses to load beside a torch built for another CUDA
# version, although nothing here runs on CUDA.
torch.version.cuda = "13.0"

from openunmix.filtering import wiener
from openunmix.model import OpenUnmix, Separator
from openunmix.transforms import make_filterbanks
from safetensors.torch import save_file

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "open_unmix"
TARGETS = ["vocals", "drums", "bass", "other"]


def network(config, generator):
    """One target's network with random weights that float16 holds exactly."""
    net = OpenUnmix(
        nb_bins=config["n_fft"] // 2 + 1,
        nb_channels=config["nb_channels"],
        hidden_size=config["hidden_size"],
        nb_layers=config["nb_layers"],
        unidirectional=config["unidirectional"],
        max_bin=config["max_bin"],
    )

    def uniform(shape, low, high):
        return low + (high - low) * torch.rand(shape, generator=generator)

    state = net.state_dict()
    for name, value in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        if name == "input_mean":
            new = -uniform(value.shape, 0.5, 2.0)
        elif name.endswith("scale") or name.endswith("running_var"):
            new = uniform(value.shape, 0.5, 1.5)
        elif name == "output_mean":
            new = uniform(value.shape, 0.1, 0.9)
        elif name.startswith("bn") and name.endswith("weight"):
            new = uniform(value.shape, 0.6, 1.4)
        elif name.startswith("bn"):
            new = uniform(value.shape, -0.3, 0.3)
        elif name.startswith("lstm"):
            # Twice as wide as PyTorch starts, so that the state carries something.
            new = 2.0 * value.abs().max() * uniform(value.shape, -1, 1)
        else:
            new = uniform(value.shape, -1, 1) / value.shape[1] ** 0.5
        state[name] = new.half().float()
    net.load_state_dict(state)
    return net.eval()


def sound(channels, samples, generator):
    """Tones, noise and a stretch of silence; the channels are alike but not the same."""
    time = torch.arange(samples, dtype=torch.float64)
    tones = sum(torch.sin(time * step) / (n + 2) for n, step in enumerate([0.05, 0.13, 0.31, 0.9]))
    noise = torch.rand((channels, samples), generator=generator, dtype=torch.float64) - 0.5
    share = torch.tensor([[0.9], [0.5]], dtype=torch.float64)[:channels]
    mix = 0.5 * share * tones + 0.3 * noise
    mix[:, samples // 3 : samples // 3 + samples // 5] = 0
    return mix.float()


def separator(nets, config, filter):
    return Separator(
        nets,
        niter=filter.get("iterations", 0),
        softmask=filter.get("softmask", False),
        sample_rate=float(config["sampling_rate"]),
        n_fft=config["n_fft"],
        n_hop=config["n_hop"],
        nb_channels=config["nb_channels"],
    ).eval()


def separate(nets, config, mix, filter):
    """What the package makes of a mix [channels, samples], as [stems, channels, samples]."""
    sep = separator(nets, config, filter)
    if mix.shape[0] == config["nb_channels"]:
        return sep(mix[None])[0]
    if config["nb_channels"] == 2:
        # Mono for a stereo network: twice the same, and the mean of what comes.
        return sep(mix.expand(2, -1)[None])[0].mean(1, keepdim=True)
    # Stereo for a mono network: the network hears one channel after the other, and the filter
    # has both.
    stft = sep.stft(mix[None])
    magnitudes = torch.abs(torch.view_as_complex(stft))[0][:, None]
    estimates = torch.stack([net(magnitudes)[:, 0] for net in sep.target_models.values()], -1)
    estimates, stft = estimates.permute(2, 1, 0, 3), stft.permute(0, 3, 2, 1, 4)[0]
    parts = [
        wiener(estimates[pos : pos + 300], stft[pos : pos + 300].clone(), sep.niter, softmask=sep.softmask)
        for pos in range(0, len(stft), 300)
    ]
    stems = torch.cat(parts).permute(4, 2, 1, 0, 3).contiguous()
    return sep.istft(stems, length=mix.shape[1])


FILTERS = {
    "wiener_0": {},
    "wiener_1": {"iterations": 1},
    "wiener_2": {"iterations": 2},
    "ratio_mask": {"softmask": True},
}


def case(name, seed, config, samples, wanted):
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    nets = {target: network(config, generator) for target in TARGETS}
    out = {
        f"{target}.{key}": value.half()
        for target, net in nets.items()
        for key, value in net.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    for layout, filters in wanted.items():
        mix = sound({"mono": 1, "stereo": 2}[layout], samples, generator)
        out[f"{layout}.mix"] = mix
        for filter in filters:
            single = separate(nets, config, mix, FILTERS[filter])
            double = {target: net.double() for target, net in nets.items()}
            stems = separate(double, config, mix.double(), FILTERS[filter])
            nets = {target: net.float() for target, net in nets.items()}
            out[f"{layout}.{filter}"] = stems.float()
            left = (mix.double() - stems.sum(0)).pow(2).sum() / mix.double().pow(2).sum()
            print(
                f"{name} {layout} {filter}: loudest {stems.abs().max():.3f},"
                f" single precision is off by {(single - stems).abs().max():.1e}, left of the mix {left:.3f}"
            )
    save(name, out, {"config": json.dumps(config)})


def parts():
    generator = torch.Generator().manual_seed(5)
    out = {}
    # The transforms: a sound with an odd end, and spectra that no sound has.
    stft, istft = make_filterbanks(n_fft=16, n_hop=4, center=True)
    samples = torch.rand((1, 1, 51), generator=generator) - 0.5
    out["stft.sound"] = samples[0, 0]
    out["stft.spectra"] = stft(samples)[0, 0].permute(1, 0, 2).contiguous()
    spectra = torch.randn((1, 1, 9, 13, 2), generator=generator)
    out["istft.spectra"] = spectra[0, 0].permute(1, 0, 2).contiguous()
    out["istft.sound"] = istft(spectra, length=51)[0, 0]
    # The filter: quiet, and loud enough to be scaled down.
    for channels in (1, 2):
        for loudness in (1, 100):
            mix = loudness * torch.randn((7, 5, channels, 2), generator=generator)
            magnitudes = loudness * torch.rand((7, 5, channels, 4), generator=generator)
            name = f"filter.{channels}.{loudness}"
            out[f"{name}.mix"] = mix.permute(0, 2, 1, 3).contiguous()
            out[f"{name}.magnitudes"] = magnitudes.permute(3, 0, 2, 1).contiguous()
            for filter, settings in FILTERS.items():
                iterations, softmask = settings.get("iterations", 0), settings.get("softmask", False)
                stems = wiener(magnitudes.double(), mix.double().clone(), iterations, softmask=softmask)
                out[f"{name}.{filter}"] = stems.permute(0, 4, 2, 1, 3).float().contiguous()
    save("parts", out, {})


def save(name, tensors, metadata):
    GOLDEN.mkdir(parents=True, exist_ok=True)
    save_file(tensors, GOLDEN / f"{name}.safetensors", metadata)


SMALL = {
    "sampling_rate": 8000,
    "n_fft": 256,
    "n_hop": 64,
    "nb_channels": 1,
    "hidden_size": 12,
    "nb_layers": 3,
    "max_bin": 93,
    "unidirectional": False,
}

with torch.no_grad():
    case("mono", 1, SMALL, 1101, {"mono": list(FILTERS), "stereo": ["wiener_1"]})
    case(
        "stereo",
        2,
        SMALL | {"nb_channels": 2, "hidden_size": 14, "nb_layers": 2},
        1101,
        {"stereo": ["wiener_1", "wiener_2", "ratio_mask"], "mono": ["wiener_1", "ratio_mask"]},
    )
    # More than one window of the filter, and an LSTM that only goes forward.
    case(
        "one_way",
        3,
        SMALL | {"n_fft": 64, "n_hop": 16, "max_bin": 33, "hidden_size": 5, "nb_layers": 2, "unidirectional": True},
        5003,
        {"mono": ["wiener_1"]},
    )
    # The spectrogram of every published network.
    case(
        "full",
        4,
        SMALL | {"sampling_rate": 44100, "n_fft": 4096, "n_hop": 1024, "max_bin": 1487, "hidden_size": 4, "nb_layers": 1},
        6144,
        {"mono": ["wiener_1"]},
    )
    parts()
