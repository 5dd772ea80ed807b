"""What is written of a training: its state on the way, and at the end what `musiclime convert` takes."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file


def keep(state: dict, path: Path):
    """Puts the state in place as a whole: being stopped while writing must not cost the last good one."""
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def round_to_f16(model: torch.nn.Module):
    """The bundle stores f16. Rounding before measuring makes the figures and the golden file those of the bundle."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.half().float())


def write(out: Path, model: torch.nn.Module, audio, text, extractor: dict, labels: list[str], max_tokens: int) -> dict:
    """Weights, configuration and labels beside the tokenizer; gives the weights back."""
    state = {k: v.contiguous() for k, v in model.state_dict().items() if v.is_floating_point()}
    save_file(state, out / "model.safetensors")
    config = {"audio": audio.to_dict(), "text": text.to_dict(), "feature_extractor": extractor, "text_cleaning": "paper", "max_tokens": max_tokens}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "labels.txt").write_text("\n".join(labels) + "\n")
    return state
