"""Makes a checkpoint of the paper's full size with random weights, and what transformers computes with it.

    python paper_size.py DIR

writes DIR/multimodal.pth (1.77 GB: AST-base, RoBERTa-large and the fusion head, as the authors saved theirs, with
transformers' own initialisation except that norms and biases are away from 1 and 0) and DIR/golden.safetensors (two
songs: spectrograms of noise, a text of 256 tokens and one of 100 padded to 256; logits in float32). Then

    musiclime convert DIR/multimodal.pth --labels m4a-genre --config paper --dtype f32 --out DIR/bundle
    musiclime bundle check DIR/bundle --golden DIR/golden.safetensors

proves the conversion at full size. Nothing of it is committed. Needs 4 GB of memory. Made with torch 2.15.0,
transformers 5.24.0, safetensors 0.8.0.
"""

import pathlib
import sys

import torch

# torchaudio, which transformers imports with the AST, refuses a torch for another CUDA even where no GPU is used.
torch.version.cuda = "13.0"

from safetensors.torch import save_file
from transformers import ASTConfig, ASTModel, RobertaConfig, RobertaModel

CLASSES = 9


class Fusion(torch.nn.Module):
    """The paper's head: LayerNorm and a linear layer over both encoders' outputs."""

    def __init__(self, width):
        super().__init__()
        self.layer_norm = torch.nn.LayerNorm(width)
        self.fc = torch.nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.fc(self.layer_norm(x))


class Multimodal(torch.nn.Module):
    """The paper's model: the AST's pooled output and RoBERTa's first token, side by side."""

    def __init__(self):
        super().__init__()
        self.audio_model = ASTModel(ASTConfig())
        self.text_model = RobertaModel(
            RobertaConfig(
                vocab_size=50265,
                hidden_size=1024,
                num_hidden_layers=24,
                num_attention_heads=16,
                intermediate_size=4096,
                max_position_embeddings=514,
                type_vocab_size=1,
                layer_norm_eps=1e-5,
            )
        )
        self.classifier = Fusion(768 + 1024)

    def forward(self, values, ids, mask):
        audio = self.audio_model(values).pooler_output
        text = self.text_model(ids, attention_mask=mask).last_hidden_state[:, 0]
        return self.classifier(torch.cat([audio, text], dim=1))


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    model = Multimodal().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        for token in ["cls_token", "distillation_token", "position_embeddings"]:
            getattr(model.audio_model.embeddings, token).normal_(std=0.1)
        model.classifier.fc.weight.normal_(std=0.05)
        values = torch.randn(2, 1024, 128)
        ids = torch.randint(4, 50264, (2, 256))
        ids[:, 0] = 0
        ids[0, 255] = 2
        ids[1, 99] = 2
        ids[1, 100:] = 1
        mask = (ids != 1).long()
        rows = [model(values[i : i + 1], ids[i : i + 1], mask[i : i + 1]) for i in range(2)]
        logits = torch.cat(rows)
    save_file(
        {"input_values": values, "input_ids": ids, "attention_mask": mask, "logits": logits.contiguous()},
        folder / "golden.safetensors",
    )
    torch.save(model.state_dict(), folder / "multimodal.pth")
    print(logits)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
