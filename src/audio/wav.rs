//! Writing sound as a WAV file.

/// Bytes before the samples: RIFF header 12, `fmt ` 26, `fact` 12, `data` 8.
const HEADER: usize = 58;

/// A mono WAV file of 32-bit floats.
///
/// Floats and not 16-bit integers, so that stems that were saved and read back still sum to
/// the mix, and nothing louder than full scale is clipped. Browsers and audio programs read
/// both. The header can count 4 GiB; a longer file says "as long as it gets", which players
/// take to mean the end of the file.
pub fn write_wav(rate: u32, samples: &[f32]) -> Vec<u8> {
    write_wav_channels(rate, &[samples])
}

/// [`write_wav`] for several channels of one length, of which there are few.
pub fn write_wav_channels(rate: u32, channels: &[&[f32]]) -> Vec<u8> {
    let frames = channels.iter().map(|channel| channel.len()).min().unwrap_or(0);
    let frame_bytes = channels.len() * 4;
    let data_bytes = frames * frame_bytes;
    let mut file = Vec::with_capacity(HEADER + data_bytes);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&size(HEADER - 8 + data_bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&18u32.to_le_bytes());
    // Format 3 is IEEE float.
    file.extend_from_slice(&3u16.to_le_bytes());
    file.extend_from_slice(&(channels.len() as u16).to_le_bytes());
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&rate.saturating_mul(size(frame_bytes)).to_le_bytes());
    file.extend_from_slice(&(frame_bytes as u16).to_le_bytes());
    file.extend_from_slice(&32u16.to_le_bytes());
    // No extension; formats other than PCM must say so, and must carry a `fact` chunk.
    file.extend_from_slice(&0u16.to_le_bytes());
    file.extend_from_slice(b"fact");
    file.extend_from_slice(&4u32.to_le_bytes());
    file.extend_from_slice(&size(frames).to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&size(data_bytes).to_le_bytes());
    for frame in 0..frames {
        for sample in channels.iter().filter_map(|channel| channel.get(frame)) {
            file.extend_from_slice(&sample.to_le_bytes());
        }
    }
    file
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quiet;
    use crate::audio::{Limits, decode};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_read_back_to_the_bit(
            rate in 4000u32..192_000,
            samples in prop::collection::vec(-4.0f32..4.0, 1..5000),
        ) {
            let file = write_wav(rate, &samples);
            let song = pollster::block_on(decode(&file, &Limits::default(), &mut Quiet)).unwrap();
            prop_assert_eq!(song.sound.rate, rate);
            prop_assert_eq!(song.sound.samples, samples);
        }
    }

    #[cfg(not(target_family = "wasm"))]
    #[test]
    fn another_reader_agrees() {
        let samples = [0.0, 1.5, -0.25, f32::MIN_POSITIVE];
        let file = write_wav(22_050, &samples);
        let mut reader = hound::WavReader::new(file.as_slice()).unwrap();
        assert_eq!(reader.spec().sample_rate, 22_050);
        assert_eq!(reader.spec().channels, 1);
        assert_eq!(reader.duration(), 4);
        let read: Vec<f32> = reader.samples::<f32>().map(|sample| sample.unwrap()).collect();
        assert_eq!(read, samples);
    }

    #[cfg(not(target_family = "wasm"))]
    #[test]
    fn channels_are_told_apart() {
        let file = write_wav_channels(8000, &[&[0.5, 0.25], &[-0.5, -0.25]]);
        let mut reader = hound::WavReader::new(file.as_slice()).unwrap();
        assert_eq!((reader.spec().channels, reader.duration()), (2, 2));
        let read: Vec<f32> = reader.samples::<f32>().map(|sample| sample.unwrap()).collect();
        assert_eq!(read, [0.5, -0.5, 0.25, -0.25]);
        let (rate, channels) =
            pollster::block_on(crate::audio::decode_stereo(&file, &Limits::default(), &mut Quiet)).unwrap();
        assert_eq!((rate, channels), (8000, vec![vec![0.5, 0.25], vec![-0.5, -0.25]]));
    }

    #[test]
    fn the_header_is_as_long_as_it_says() {
        let file = write_wav(8000, &[]);
        assert_eq!(file.len(), HEADER);
        assert_eq!(file[4..8], 50u32.to_le_bytes());
    }
}
