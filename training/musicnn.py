"""The audio teacher: musicnn's two taggers (Pons & Serra, "musicnn: Pre-trained convolutional neural networks
for music audio tagging", 2019), their weights from PyPI's musicnn 0.1.0 (ISC), run in PyTorch.

The package itself wants TensorFlow 1 and an old librosa. What is needed of them is little: a reader for the
checkpoint's file format, a mel filter bank, and the network written down again.
`tests/reference/musicnn_check.py` holds the network against the package itself under TensorFlow.
"""

import struct
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torch_quirk  # noqa: F401  (before torchaudio)
import torchaudio.functional as AF

RATE, N_FFT, HOP, MELS = 16_000, 512, 256, 96
# Three seconds, as the taggers were trained on.
PATCH = 187
# The order of the outputs, as the package's configuration lists it.
TAGS = {
    "MTT": "guitar|classical|slow|techno|strings|drums|electronic|rock|fast|piano|ambient|beat|violin|vocal|synth|female|indian|opera|male|singing|vocals|"
    "no vocals|harpsichord|loud|quiet|flute|woman|male vocal|no vocal|pop|soft|sitar|solo|man|classic|choir|voice|new age|dance|male voice|female vocal|"
    "beats|harp|cello|no voice|weird|country|metal|female voice|choral",
    "MSD": "rock|pop|alternative|indie|electronic|female vocalists|dance|00s|alternative rock|jazz|beautiful|metal|chillout|male vocalists|classic rock|soul|"
    "indie rock|Mellow|electronica|80s|folk|90s|chill|instrumental|punk|oldies|blues|hard rock|ambient|acoustic|experimental|female vocalist|guitar|Hip-Hop|"
    "70s|party|country|easy listening|sexy|catchy|funk|electro|heavy metal|Progressive rock|60s|rnb|indie pop|sad|House|happy",
}
TAGS = {name: tags.split("|") for name, tags in TAGS.items()}


def read_checkpoint(folder: Path) -> dict[str, np.ndarray]:
    """The f32 tensors of a TensorFlow checkpoint in one shard: an index in LevelDB's table format beside the raw values."""
    index = (folder / ".index").read_bytes()
    values = (folder / ".data-00000-of-00001").read_bytes()

    def varint(b: bytes, at: int) -> tuple[int, int]:
        n = shift = 0
        while True:
            n |= (b[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if b[at - 1] < 128:
                return n, at

    def block(offset: int, size: int):
        """Keys and values; a key is stored as what differs from the one before."""
        data = index[offset : offset + size]
        end = size - 4 - 4 * struct.unpack("<I", data[-4:])[0]
        at, key = 0, b""
        while at < end:
            shared, at = varint(data, at)
            own, at = varint(data, at)
            length, at = varint(data, at)
            key = key[:shared] + data[at : at + own]
            yield key, data[at + own : at + own + length]
            at += own + length

    def fields(message: bytes):
        """Field numbers and values of a protocol buffer."""
        at = 0
        while at < len(message):
            tag, at = varint(message, at)
            if tag & 7 == 0:
                value, at = varint(message, at)
            elif tag & 7 == 2:
                n, at = varint(message, at)
                value, at = message[at : at + n], at + n
            else:
                value, at = message[at : at + 4], at + 4
            yield tag >> 3, value

    footer = index[-48:]
    _, at = varint(footer, 0)
    _, at = varint(footer, at)
    root, at = varint(footer, at)
    size, at = varint(footer, at)
    tensors = {}
    for _, handle in block(root, size):
        offset, at = varint(handle, 0)
        for key, entry in block(offset, varint(handle, at)[0]):
            if not key:
                continue
            found = dict(fields(entry))
            shape = [dict(fields(d)).get(1, 1) for n, d in fields(found.get(2, b"")) if n == 2]
            start = found.get(4, 0)
            # Type 1 is float32; the optimizer's counters are not wanted.
            if found.get(1) == 1:
                tensors[key.decode()] = np.frombuffer(values[start : start + found[5]], "<f4").reshape(shape)
    return tensors


class Tagger:
    """One of the taggers: log mel patches [n, 187, 96] to the logits [n, 50] of its tags."""

    def __init__(self, folder: Path, name: str):
        raw = read_checkpoint(folder / f"{name}_musicnn")
        self.w = {k.removeprefix("model/"): torch.from_numpy(v.copy()) for k, v in raw.items() if "Adam" not in k}
        self.tags = TAGS[name]

    def _norm(self, x, n: int):
        """Batch normalization number `n` over dimension 1, with the stored statistics (epsilon is TensorFlow's)."""
        p = f"batch_normalization{f'_{n}' if n else ''}/"
        mean, var, gamma, beta = (self.w[p + k] for k in ("moving_mean", "moving_variance", "gamma", "beta"))
        return F.batch_norm(x, mean, var, gamma, beta, eps=1e-3)

    def _conv(self, x, n: int, padding):
        p = f"conv2d{f'_{n}' if n else ''}/"
        # TensorFlow keeps kernels as [height, width, in, out].
        x = F.pad(x, padding)
        return F.relu(F.conv2d(x, self.w[p + "kernel"].permute(3, 2, 0, 1).contiguous(), self.w[p + "bias"]))

    @torch.no_grad()
    def __call__(self, patches: torch.Tensor) -> torch.Tensor:
        x = self._norm(patches[:, None], 0)
        # Timbre: 7 frames by most of the spectrum. Rhythm: long in time, one band high; "same" pads one more behind.
        parts = [self._norm(self._conv(x, n, (0, 0, 3, 3)), n + 1).amax(3) for n in (0, 1)]
        parts += [self._norm(self._conv(x, n, (0, 0, k // 2 - 1, k // 2)), n + 1).amax(3) for n, k in ((2, 128), (3, 64), (4, 32))]
        front = torch.cat(parts, 1)  # [n, 561, frames]
        # Three layers over all channels, the second and third with what they were given added.
        layers, y = [front], None
        for n in (5, 6, 7):
            given = front if y is None else y
            z = self._norm(self._conv(given.transpose(1, 2)[:, None], n, (0, 0, 3, 3))[..., 0], n + 1)
            y = z if y is None else z + y
            layers.append(y)
        all_layers = torch.cat(layers, 1)  # [n, 753, frames]
        # Maximum and mean over time lie side by side for each channel.
        pooled = torch.stack([all_layers.amax(2), all_layers.mean(2)], 2).flatten(1)
        dense = F.relu(self._norm(pooled, 9) @ self.w["dense/kernel"] + self.w["dense/bias"])
        return self._norm(dense, 10) @ self.w["dense_1/kernel"] + self.w["dense_1/bias"]


_MELS = AF.melscale_fbanks(N_FFT // 2 + 1, 0.0, RATE / 2, MELS, RATE, norm="slaney", mel_scale="slaney")


def log_mel(samples: np.ndarray) -> torch.Tensor:
    """[frames, 96]: librosa's mel power spectrogram as the package takes it, rounded to f16 on the way as there."""
    x = torch.from_numpy(np.ascontiguousarray(samples, np.float32))
    s = torch.stft(x, N_FFT, HOP, window=torch.hann_window(N_FFT), center=True, pad_mode="reflect", return_complex=True).abs() ** 2
    return torch.log10(10_000 * (s.T @ _MELS).half().float() + 1)


def taggers(folder: Path) -> dict[str, Tagger]:
    """Both taggers from an unpacked wheel's `musicnn/` folder."""
    return {name: Tagger(folder, name) for name in TAGS}
