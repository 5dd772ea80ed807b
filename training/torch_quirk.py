"""Import this before torchaudio or transformers (which imports torchaudio).

torchaudio's CUDA wheels refuse a torch built for another CUDA minor version, although all that is
used of it here, `compliance.kaldi.fbank`, is plain Python. The version string is only read by that check.
"""

import torch

if torch.version.cuda is not None:
    torch.version.cuda = "13.0"
