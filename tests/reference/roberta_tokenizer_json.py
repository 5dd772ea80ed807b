"""Writes the tokenizer.json that RoBERTa's vocab.json and merges.txt stand for.

    python roberta_tokenizer_json.py VOCAB.json MERGES.txt TOKENIZER.json

This is how the published `roberta-large` tokenizer is made up: byte-level BPE without a prefix
space, `<s> A </s>`, special tokens found anywhere in the text, and a `<mask>` that takes the
blanks before it along. `musiclime convert --tokenizer FOLDER` does the same from the two files;
the script is here for those who want the file without it, and as the golden files' reference.

Written with transformers 5.24.0 and tokenizers 0.23.3 on Python 3.11.
"""

import json
import sys

from tokenizers import AddedToken
from transformers import RobertaTokenizer


def read(vocab_path, merges_path):
    """The `RobertaTokenizer` of a vocabulary and its merges."""
    with open(vocab_path, encoding="utf-8") as file:
        vocab = json.load(file)
    with open(merges_path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    mask = AddedToken("<mask>", lstrip=True, special=True, normalized=False)
    return RobertaTokenizer(vocab=vocab, merges=merges, mask_token=mask)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    read(sys.argv[1], sys.argv[2]).backend_tokenizer.save(sys.argv[3], pretty=False)
