"""RoBERTa's kind of tokenizer, learnt from the demo's own text."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from network import MAX_TOKENS

VOCAB = 6144


def learn(texts: list[str]) -> Tokenizer:
    """Byte-level BPE with RoBERTa's special tokens and ids: <s> 0, <pad> 1, </s> 2, <unk> 3, <mask> last."""
    tokenizer = Tokenizer(models.BPE())
    # A leading blank makes a word at the start of a text the same token as elsewhere; with so
    # small a vocabulary there is no room for both.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB - 1, special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(["<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=True)
    return tokenizer


def encode(tokenizer: Tokenizer, cleaned: list[str], length: int | None = None):
    """Ids and attention mask, padded to the longest of the batch or to `length`."""
    import torch

    # Truncation is the reader's business and not stored in tokenizer.json: who marks the words
    # past the limit needs to see them.
    ids = [e.ids if len(e.ids) <= MAX_TOKENS else e.ids[: MAX_TOKENS - 1] + [2] for e in tokenizer.encode_batch(cleaned)]
    n = length or max(len(i) for i in ids)
    return (
        torch.tensor([i + [1] * (n - len(i)) for i in ids]),
        torch.tensor([[1] * len(i) + [0] * (n - len(i)) for i in ids]),
    )
