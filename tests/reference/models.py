"""Writes the golden files of the networks and of the checkpoint converter.

    python tests/reference/models.py

writes `tests/golden/model/*.safetensors` (one file per case: the weights under their canonical
names, the inputs, what transformers computes from them, and the configuration as JSON in the
file's metadata under "config") and `tests/golden/convert/*` (checkpoints as people have them,
with their configurations and a golden input each).

Written with torch 2.15.0 (on the CPU), transformers 5.24.0, safetensors 0.8.0, Python 3.11.

All weights are random with a fixed seed. Norm weights and biases are kept away from 1 and 0, so
that a norm or a bias that is forgotten or taken from the wrong layer shows in the result. The
sizes are odd on purpose: nothing that is mixed up may fit by chance.
"""

import json
import pathlib
import re

import torch

# torchaudio, which transformers imports, refuses to load beside a torch built for another CUDA
# version, although nothing here runs on CUDA.
torch.version.cuda = "13.0"

from safetensors.torch import save_file
from transformers import (
    ASTConfig,
    ASTForAudioClassification,
    ASTModel,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaModel,
)

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"


class FusionHead(torch.nn.Module):
    """concat(audio, text) -> LayerNorm -> Linear, as in the published checkpoints."""

    def __init__(self, width, classes):
        super().__init__()
        self.layer_norm = torch.nn.LayerNorm(width)
        self.fc = torch.nn.Linear(width, classes)

    def forward(self, x):
        return self.fc(self.layer_norm(x))


class Multimodal(torch.nn.Module):
    """The paper's model: AST's pooled output and RoBERTa's output at <s> under one head."""

    def __init__(self, audio, text, classes):
        super().__init__()
        self.audio_model = ASTModel(audio)
        self.text_model = RobertaModel(text)
        self.classifier = FusionHead(audio.hidden_size + text.hidden_size, classes)

    def forward(self, input_values, input_ids, attention_mask):
        audio = self.audio_model(input_values).pooler_output
        text = self.text_model(input_ids, attention_mask=attention_mask).last_hidden_state[:, 0]
        return self.classifier(torch.cat([audio, text], dim=1)), audio, text


def randomise(model, seed):
    """Random weights under which every tensor matters."""
    generator = torch.Generator().manual_seed(seed)
    noise = lambda like: torch.randn(like.shape, generator=generator)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if re.search(r"norm.*\.weight$", name, re.IGNORECASE):
                value.copy_(1.3 + 0.3 * noise(value))
            elif name.endswith(".bias"):
                value.copy_(0.2 + 0.3 * noise(value))
            elif "embeddings." in name and "projection" not in name:
                value.copy_(noise(value))
            else:
                fan_in = value[0].numel()
                value.copy_(1.5 * noise(value) / fan_in**0.5)
    return model.eval()


def canonical(state):
    """Names as in the authors' checkpoints, which were written with transformers 4."""
    rules = [
        (r"^audio_spectrogram_transformer\.", "audio_model."),
        (r"^roberta\.", "text_model."),
        (r"^audio_model\.layers\.", "audio_model.encoder.layer."),
        (r"(audio_model\..*)attention\.q_proj\.", r"\1attention.attention.query."),
        (r"(audio_model\..*)attention\.k_proj\.", r"\1attention.attention.key."),
        (r"(audio_model\..*)attention\.v_proj\.", r"\1attention.attention.value."),
        (r"(audio_model\..*)attention\.o_proj\.", r"\1attention.output.dense."),
        (r"(audio_model\..*)mlp\.fc1\.", r"\1intermediate.dense."),
        (r"(audio_model\..*)mlp\.fc2\.", r"\1output.dense."),
    ]
    out = {}
    for name, value in state.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        out[name] = value.detach().clone().contiguous()
    return out


def ast(**sizes):
    return ASTConfig(attn_implementation="eager", **sizes)


def roberta(**sizes):
    return RobertaConfig(attn_implementation="eager", hidden_dropout_prob=0.0, **sizes)


def texts(lengths, vocab, pad, seed, width=None):
    """Random ids between <s> and </s>, padded, with their attention mask."""
    generator = torch.Generator().manual_seed(seed)
    width = width or max(lengths)
    ids = torch.full((len(lengths), width), pad)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(3, vocab, (length,), generator=generator)
        ids[row, 0] = 0
        ids[row, length - 1] = 2
    mask = (torch.arange(width)[None] < torch.tensor(lengths)[:, None]).long()
    return ids, mask


def spectrograms(rows, config, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, config.max_length, config.num_mel_bins, generator=generator)


def config_json(task, classes, audio=None, text=None):
    return {
        "task": task,
        "classes": classes,
        "audio": audio and audio.to_dict(),
        "text": text and text.to_dict(),
    }


def store(name, config, state, **tensors):
    tensors = {k: v.detach().contiguous() for k, v in tensors.items()}
    state = {k: v for k, v in canonical(state).items() if ".pooler." not in k}
    path = GOLDEN / "model" / f"{name}.safetensors"
    save_file({**state, **tensors}, path, metadata={"config": json.dumps(config)})
    print(f"{path.name}: {path.stat().st_size} bytes, logits {tensors['logits'].flatten()[:3].tolist()}")


def multimodal(name, audio, text, classes, ids, mask, seed):
    model = randomise(Multimodal(audio, text, classes), seed)
    values = spectrograms(len(ids), audio, seed + 1)
    with torch.no_grad():
        logits, audio_embedding, text_embedding = model(values, ids, mask)
    store(
        name,
        config_json("multimodal", classes, audio, text),
        model.state_dict(),
        input_values=values,
        input_ids=ids,
        attention_mask=mask,
        audio_embedding=audio_embedding,
        text_embedding=text_embedding,
        logits=logits,
    )


def audio_only(name, config, rows, seed):
    model = randomise(ASTForAudioClassification(config), seed)
    values = spectrograms(rows, config, seed + 1)
    with torch.no_grad():
        embedding = model.audio_spectrogram_transformer(values).pooler_output
        logits = model(values).logits
    store(
        name,
        config_json("audio", config.num_labels, audio=config),
        model.state_dict(),
        input_values=values,
        audio_embedding=embedding,
        logits=logits,
    )


def lyrics_only(name, config, ids, mask, seed):
    model = randomise(RobertaForSequenceClassification(config), seed)
    with torch.no_grad():
        embedding = model.roberta(ids, attention_mask=mask).last_hidden_state[:, 0]
        logits = model(ids, attention_mask=mask).logits
    store(
        name,
        config_json("lyrics", config.num_labels, text=config),
        model.state_dict(),
        input_ids=ids,
        attention_mask=mask,
        text_embedding=embedding,
        logits=logits,
    )


def model_cases():
    # Unequal strides of which neither divides its axis, unequal lengths.
    multimodal(
        "multimodal",
        ast(
            hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, patch_size=6,
            frequency_stride=7, time_stride=5, num_mel_bins=23, max_length=41, qkv_bias=True,
        ),
        roberta(
            vocab_size=53, hidden_size=18, num_hidden_layers=3, num_attention_heads=3, intermediate_size=31,
            max_position_embeddings=15, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1,
        ),
        5,
        *texts([13, 4, 2, 9], 53, 1, seed=11),
        seed=1,
    )

    # Overlapping patches, no q/k/v bias, two token types, another padding id, padding wider than
    # the longest text, one token hidden in the middle and a padding id that is not hidden.
    ids, mask = texts([8, 5, 7], 47, 4, seed=21, width=10)
    mask[0, 3] = 0
    ids[2, 2] = 4
    multimodal(
        "multimodal_holes",
        ast(
            hidden_size=16, num_hidden_layers=3, num_attention_heads=4, intermediate_size=21, patch_size=5,
            frequency_stride=3, time_stride=4, num_mel_bins=16, max_length=30, qkv_bias=False,
        ),
        roberta(
            vocab_size=47, hidden_size=15, num_hidden_layers=2, num_attention_heads=3, intermediate_size=22,
            max_position_embeddings=19, type_vocab_size=2, layer_norm_eps=1e-12, pad_token_id=4,
        ),
        3,
        ids,
        mask,
        seed=2,
    )

    # One layer each: the first layer is the last one too.
    multimodal(
        "multimodal_shallow",
        ast(
            hidden_size=14, num_hidden_layers=1, num_attention_heads=2, intermediate_size=19, patch_size=4,
            frequency_stride=4, time_stride=4, num_mel_bins=12, max_length=21, layer_norm_eps=1e-6,
        ),
        roberta(
            vocab_size=29, hidden_size=10, num_hidden_layers=1, num_attention_heads=5, intermediate_size=17,
            max_position_embeddings=12, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1,
        ),
        2,
        *texts([6, 3], 29, 1, seed=31),
        seed=3,
    )

    audio_only(
        "audio",
        ast(
            hidden_size=18, num_hidden_layers=3, num_attention_heads=3, intermediate_size=25, patch_size=6,
            frequency_stride=4, time_stride=9, num_mel_bins=21, max_length=50, num_labels=7, layer_norm_eps=1e-3,
        ),
        rows=3,
        seed=4,
    )

    # More than 512 tokens, from where on attention is computed in tiles on the CPU.
    audio_only(
        "audio_long",
        ast(
            hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=18, patch_size=4,
            frequency_stride=2, time_stride=3, num_mel_bins=31, max_length=127, num_labels=4,
        ),
        rows=1,
        seed=5,
    )

    lyrics_only(
        "lyrics",
        roberta(
            vocab_size=61, hidden_size=21, num_hidden_layers=2, num_attention_heads=3, intermediate_size=25,
            max_position_embeddings=16, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, num_labels=6,
        ),
        *texts([2, 14, 7], 61, 1, seed=61),
        seed=6,
    )


def golden_input(name, **tensors):
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, GOLDEN / "convert" / f"{name}.golden.safetensors")


def write_config(name, audio=None, text=None):
    both = {"audio": audio, "text": text}
    text = json.dumps({k: v.to_dict() for k, v in both.items() if v is not None}, indent=1)
    (GOLDEN / "convert" / f"{name}.json").write_text(text + "\n")


def convert_cases():
    folder = GOLDEN / "convert"
    audio = ast(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, patch_size=6,
        frequency_stride=7, time_stride=5, num_mel_bins=23, max_length=41,
    )
    text = roberta(
        vocab_size=53, hidden_size=18, num_hidden_layers=2, num_attention_heads=3, intermediate_size=31,
        max_position_embeddings=15, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1,
    )

    # One multimodal model three times: safetensors with the names of transformers 5, and what
    # torch.save writes with the names of transformers 4, in single and in half precision.
    model = randomise(Multimodal(audio, text, 3), seed=101)
    ids, mask = texts([12, 5], 53, 1, seed=102)
    values = spectrograms(2, audio, 103)
    with torch.no_grad():
        logits, _, _ = model(values, ids, mask)
    native = {k: v.detach().clone().contiguous() for k, v in model.state_dict().items()}
    old = canonical(native)
    # Checkpoints of transformers before 4.31 carry this buffer.
    with_buffer = {**old, "text_model.embeddings.position_ids": torch.arange(15)[None]}
    write_config("multimodal", audio, text)
    golden_input("multimodal", input_values=values, input_ids=ids, attention_mask=mask, logits=logits)
    save_file(native, folder / "multimodal.transformers5.safetensors")
    torch.save(with_buffer, folder / "multimodal.transformers4.pth")
    torch.save({k: v.half() for k, v in old.items()}, folder / "multimodal.transformers4.half.pth")

    audio.num_labels = 4
    model = randomise(ASTForAudioClassification(audio), seed=111)
    with torch.no_grad():
        logits = model(values).logits
    write_config("audio", audio=audio)
    golden_input("audio", input_values=values, logits=logits)
    torch.save(dict(model.state_dict()), folder / "audio.transformers5.pth")

    text.num_labels = 3
    model = randomise(RobertaForSequenceClassification(text), seed=121)
    with torch.no_grad():
        logits = model(ids, attention_mask=mask).logits
    write_config("lyrics", text=text)
    golden_input("lyrics", input_ids=ids, attention_mask=mask, logits=logits)
    torch.save(dict(model.state_dict()), folder / "lyrics.transformers5.pth")


if __name__ == "__main__":
    (GOLDEN / "model").mkdir(parents=True, exist_ok=True)
    (GOLDEN / "convert").mkdir(parents=True, exist_ok=True)
    model_cases()
    convert_cases()
