"""Writes the song files in tests/golden/audio/: synthesised tones in every format that is read, and a few that aren't.

Every channel holds the same sine, each with a loudness of its own (the low-frequency channel of
5.1 none, since encoders filter it); `files.json` lists what decoding to the mean of the channels
must find: rate, samples, frequency, and the amplitude that ffmpeg's own decoders find in the
middle half (lossy encoders change it a little).

Written with ffmpeg 5.1, numpy 2.4.6, soundfile 0.14. Run from the repository's root:
python tests/reference/audio_files.py
"""

import json
import pathlib
import subprocess
import tempfile

import numpy as np
import soundfile

OUT = pathlib.Path("tests/golden/audio")
# Loudness per channel; 5.1 is front left, right, centre, low frequencies, back left, right.
LEVELS = {1: [0.5], 2: [0.6, 0.2], 6: [0.6, 0.2, 0.4, 0.0, 0.3, 0.1]}

# name, rate, channels, seconds, hertz, ffmpeg's options
FILES = [
    ("u8-8000-mono.wav", 8000, 1, 0.25, 440, "-c:a pcm_u8"),
    ("s16-44100-stereo.wav", 44100, 2, 0.08, 1000, "-c:a pcm_s16le"),
    ("s24-8000-5.1.wav", 8000, 6, 0.1, 500, "-c:a pcm_s24le"),
    ("s32-22050-mono.wav", 22050, 1, 0.1, 500, "-c:a pcm_s32le"),
    ("f32-48000-stereo.wav", 48000, 2, 0.03, 2000, "-c:a pcm_f32le"),
    ("f64-16000-mono.wav", 16000, 1, 0.06, 1000, "-c:a pcm_f64le"),
    ("s16-96000-mono.wav", 96000, 1, 0.05, 5000, "-c:a pcm_s16le"),
    ("alaw-8000-mono.wav", 8000, 1, 0.25, 440, "-c:a pcm_alaw"),
    ("adpcm-22050-stereo.wav", 22050, 2, 0.2, 500, "-c:a adpcm_ima_wav"),
    ("8000-mono.mp3", 8000, 1, 0.4, 440, "-c:a libmp3lame -b:a 24k"),
    ("22050-stereo.mp3", 22050, 2, 0.3, 440, "-c:a libmp3lame -b:a 48k"),
    ("44100-stereo.mp3", 44100, 2, 0.3, 1000, "-c:a libmp3lame -b:a 96k -metadata title=Tone -metadata artist=Sine"),
    ("48000-mono-vbr.mp3", 48000, 1, 0.3, 2000, "-c:a libmp3lame -q:a 5"),
    ("44100-stereo.flac", 44100, 2, 0.1, 1000, "-c:a flac -sample_fmt s16 -frame_size 1152 -metadata title=Tone -metadata artist=Sine"),
    ("96000-mono-24.flac", 96000, 1, 0.05, 5000, "-c:a flac -sample_fmt s32 -frame_size 1152"),
    ("8000-5.1.flac", 8000, 6, 0.2, 440, "-c:a flac -sample_fmt s16 -frame_size 576"),
    ("44100-stereo.ogg", 44100, 2, 0.3, 1000, "-c:a libvorbis -q:a 3 -metadata title=Tone -metadata artist=Sine"),
    ("8000-mono.ogg", 8000, 1, 0.4, 440, "-c:a libvorbis -q:a 3"),
    ("48000-5.1.ogg", 48000, 6, 0.2, 1000, "-c:a libvorbis -q:a 3"),
    ("44100-stereo.m4a", 44100, 2, 0.3, 1000, "-c:a aac -b:a 160k -aac_coder fast -metadata title=Tone -metadata artist=Sine"),
    ("22050-mono-faststart.m4a", 22050, 1, 0.3, 440, "-c:a aac -b:a 80k -aac_coder fast -movflags +faststart"),
    ("48000-stereo-fragmented.m4a", 48000, 2, 0.3, 1000, "-c:a aac -b:a 160k -aac_coder fast -movflags +frag_keyframe+empty_moov"),
    ("96000-mono.aac", 96000, 1, 0.2, 2000, "-c:a aac -b:a 160k -aac_coder fast"),
]
# Well-made files that can't be used: a coding that isn't read, and no sound at all.
REFUSED = [
    ("opus.ogg", "-c:a libopus -b:a 32k -ar 48000", "opus.ogg"),
    ("alac.m4a", "-c:a alac", "alac.m4a"),
]


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *arguments], check=True)


def tone(path, rate, channels, seconds, hertz):
    count = round(rate * seconds)
    sine = np.sin(2 * np.pi * hertz * np.arange(count) / rate)
    soundfile.write(path, np.outer(sine, LEVELS[channels]), rate, subtype="DOUBLE")
    return count


def amplitude(path, rate, channels, hertz):
    raw = subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-i", str(path), "-f", "f64le", "-"],
                         check=True, capture_output=True).stdout
    mono = np.frombuffer(raw).reshape(-1, channels).mean(1)
    quarter, period = len(mono) // 4, rate / hertz
    count = round(np.floor((len(mono) - 2 * quarter) / period) * period)
    turn = np.exp(2j * np.pi * hertz * np.arange(count) / rate)
    return round(float(2 * abs((mono[quarter:quarter + count] * turn).mean())), 5)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    listed = []
    with tempfile.TemporaryDirectory() as folder:
        source = str(pathlib.Path(folder) / "tone.wav")
        for name, rate, channels, seconds, hertz, options in FILES:
            samples = tone(source, rate, channels, seconds, hertz)
            layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
            ffmpeg("-channel_layout", layout, "-i", source, "-map_metadata", "-1", "-fflags", "+bitexact",
                   "-flags:a", "+bitexact", *options.split(), str(OUT / name))
            listed.append(dict(file=name, rate=rate, channels=channels, samples=samples, hertz=hertz,
                               amplitude=amplitude(OUT / name, rate, channels, hertz), tagged="title=Tone" in options))
        tone(source, 48000, 1, 0.1, 440)
        for name, options, _ in REFUSED:
            ffmpeg("-i", source, "-fflags", "+bitexact", "-flags:a", "+bitexact", *options.split(), str(OUT / name))
        ffmpeg("-f", "lavfi", "-i", "color=c=gray:s=16x16:r=10:d=0.2", "-fflags", "+bitexact",
               "-c:v", "mpeg4", str(OUT / "video-only.mp4"))
    (OUT / "files.json").write_text("[\n" + ",\n".join(json.dumps(entry) for entry in listed) + "\n]\n")


if __name__ == "__main__":
    main()
