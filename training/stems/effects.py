"""What a studio does to a stem: tone, compression, distortion, room and echo."""

import numpy as np
from material import RATE
from scipy.signal import fftconvolve, lfilter


def tone(x: np.ndarray, rng: np.random.Generator, strength: float = 3.0, low_cut: float = 0.0) -> np.ndarray:
    """A smooth random equalizer, `strength` dB of standard deviation at five frequencies, and optionally no lows."""
    spectrum = np.fft.rfft(x)
    octave = np.log2(np.maximum(np.fft.rfftfreq(len(x), 1 / RATE), 20) / 20)
    curve = np.interp(octave, np.linspace(0, 10, 5), rng.normal(0, strength, 5))
    gain = 10 ** (curve / 20)
    if low_cut:
        gain = gain / (1 + (low_cut / (20 * 2**octave)) ** 4)
    return np.fft.irfft(spectrum * gain, len(x)).astype(np.float32)


def compress(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Above a threshold near the stem's level, 1.5:1 to 5:1, with an envelope of 5 to 40 ms."""
    window = int(RATE * rng.uniform(0.005, 0.04))
    a = np.exp(-1 / window)
    level = np.sqrt(lfilter([1 - a], [1, -a], x.astype(np.float64) ** 2) + 1e-10)
    threshold = np.sqrt(np.mean(x**2) + 1e-10) * rng.uniform(0.6, 1.6)
    ratio = rng.uniform(1.5, 5)
    gain = np.minimum(1, (level / threshold) ** (1 / ratio - 1))
    return (x * gain).astype(np.float32)


def distort(x: np.ndarray, drive: float) -> np.ndarray:
    peak = np.abs(x).max() + 1e-9
    return (np.tanh(x / peak * drive) / np.tanh(drive) * peak).astype(np.float32)


def reverb(x: np.ndarray, rng: np.random.Generator, wet: float, seconds: float) -> np.ndarray:
    """A room of decaying noise that darkens as it decays, `wet` of the dry energy."""
    n = int(seconds * RATE)
    noise = rng.normal(0, 1, n)
    dark = lfilter([0.25], [1, -0.75], noise)
    t = np.linspace(0, 1, n)
    room = (noise * (1 - t) * 0.4 + dark * 1.5 * t) * 10 ** (-3 * t)
    room[: int(RATE * rng.uniform(0.0, 0.03)) + 1] = 0
    room /= np.sqrt((room**2).sum()) + 1e-9
    return (x + np.sqrt(wet) * fftconvolve(x, room)[: len(x)]).astype(np.float32)


def echo(x: np.ndarray, seconds: float, feedback: float) -> np.ndarray:
    y = x.copy()
    step = int(seconds * RATE)
    for i in range(1, 4):
        if i * step < len(x):
            y[i * step :] += x[: len(x) - i * step] * feedback**i
    return y
