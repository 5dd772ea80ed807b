"""The paper's network at a demo's size: AST and RoBERTa of transformers under one LayerNorm and one linear layer."""

import torch
import torch_quirk  # noqa: F401  (before transformers)
from transformers import ASTConfig, ASTModel, RobertaConfig, RobertaModel

from spectrogram import BINS, FRAMES

MAX_TOKENS = 256


class Head(torch.nn.Module):
    """concat(audio, text) -> LayerNorm -> Linear."""

    def __init__(self, width: int, classes: int):
        super().__init__()
        self.layer_norm = torch.nn.LayerNorm(width)
        self.fc = torch.nn.Linear(width, classes)

    def forward(self, audio, text):
        return self.fc(self.layer_norm(torch.cat([audio, text], dim=-1)))


class MusicModel(torch.nn.Module):
    """State dict roots as in the paper's checkpoints: `audio_model.`, `text_model.`, `classifier.`."""

    def __init__(self, audio: ASTConfig, text: RobertaConfig, classes: int):
        super().__init__()
        self.audio_model = ASTModel(audio)
        self.text_model = RobertaModel(text)
        self.classifier = Head(audio.hidden_size + text.hidden_size, classes)

    def hear(self, input_values):
        """[batch, frames, bins] -> [batch, width]: the mean of the CLS and DIST tokens."""
        return self.audio_model(input_values).pooler_output

    def read(self, input_ids, attention_mask):
        """[batch, tokens] -> [batch, width]: the sequence output at `<s>`."""
        return self.text_model(input_ids, attention_mask=attention_mask).last_hidden_state[:, 0]

    def forward(self, input_values, input_ids, attention_mask):
        return self.classifier(self.hear(input_values), self.read(input_ids, attention_mask))

    def crossed(self, input_values, texts):
        """Every audio with every text: logits [audios, texts, classes].

        The encoders know nothing of each other, so this costs no further passes. `texts` is a
        list of (input_ids, attention_mask), batches of about equal lengths.
        """
        a, t = self.hear(input_values), torch.cat([self.read(*text) for text in texts])
        return self.classifier(a[:, None].expand(-1, len(t), -1), t[None].expand(len(a), -1, -1))


def configs(vocab_size: int) -> tuple[ASTConfig, RobertaConfig]:
    """Small enough for a software GPU: 256 patches; sounds get a third layer, since words mostly speak one by one."""
    audio = ASTConfig(
        hidden_size=96, num_hidden_layers=3, num_attention_heads=4, intermediate_size=256,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, layer_norm_eps=1e-12,
        patch_size=16, frequency_stride=16, time_stride=16, max_length=FRAMES, num_mel_bins=BINS,
    )
    text = RobertaConfig(
        vocab_size=vocab_size, hidden_size=96, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, layer_norm_eps=1e-5, type_vocab_size=1,
        max_position_embeddings=MAX_TOKENS + 2, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )
    return audio, text
