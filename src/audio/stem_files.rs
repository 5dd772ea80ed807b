//! Stems that the user brings instead of having the song separated.

use super::{Sound, Stem, Stems, require_usable, resample};
use crate::{Error, Result};

/// By how many seconds a stem may be shorter or longer than the mix. Encoders pad and cut a
/// few hundredths of a second; more than this is another song, or another edit of it.
pub(crate) const MAX_DIFFERENCE_SECONDS: f64 = 0.1;

/// Stems at `rate`, `samples` long, from one sound per [`Stem`] in the order of [`Stem::ALL`].
///
/// Each is resampled to `rate`; one that is up to 0.1 s shorter or longer than the mix is
/// padded with silence or cut at its end.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input), naming the stem, if its length differs by
/// more, or it can't be resampled.
pub fn assemble(tracks: [Sound; 4], rate: u32, samples: usize) -> Result<Stems> {
    let mut assembled: [Vec<f32>; 4] = Default::default();
    for ((stem, sound), target) in Stem::ALL.into_iter().zip(tracks).zip(&mut assembled) {
        *target = fit(sound, rate, samples).map_err(|error| error.context(stem.name()))?;
    }
    Ok(Stems { rate, tracks: assembled })
}

fn fit(sound: Sound, rate: u32, samples: usize) -> Result<Vec<f32>> {
    require_usable(&sound.samples)?;
    // The length is compared before resampling, so that an absurdly long stem is refused at once.
    let seconds = sound.samples.len() as f64 / f64::from(sound.rate.max(1));
    let wanted = samples as f64 / f64::from(rate.max(1));
    if (seconds - wanted).abs() > MAX_DIFFERENCE_SECONDS {
        return Err(Error::input(format!("the stem is {seconds:.2} s long, the song {wanted:.2} s"))
            .hint("stems must be of the same length as the song"));
    }
    let mut track = if sound.rate == rate && rate != 0 {
        sound.samples
    } else {
        resample(&sound.samples, sound.rate, rate)?
    };
    track.resize(samples, 0.0);
    Ok(track)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn sound(rate: u32, seconds: f64, level: f32) -> Sound {
        Sound { rate, samples: vec![level; (f64::from(rate) * seconds).round() as usize] }
    }

    #[test]
    fn stems_take_on_rate_and_length_of_the_mix() {
        let tracks = [
            sound(8000, 1.0, 0.1),
            sound(16_000, 1.05, 0.2),
            sound(8000, 0.95, 0.3),
            sound(44_100, 1.0, 0.4),
        ];
        let stems = assemble(tracks, 8000, 8000).unwrap();
        assert_eq!(stems.rate, 8000);
        for (track, level) in stems.tracks.iter().zip([0.1, 0.2, 0.3, 0.4]) {
            assert_eq!(track.len(), 8000);
            assert!((track[4000] - level).abs() < 1e-3);
        }
        assert_eq!(stems.tracks[2][7600..], [0.0; 400]);
    }

    #[test]
    fn a_stem_of_another_length_is_named() {
        let tracks =
            [sound(8000, 1.0, 0.1), sound(8000, 1.0, 0.1), sound(8000, 1.5, 0.1), sound(8000, 1.0, 0.1)];
        let error = assemble(tracks, 8000, 8000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert_eq!(error.message(), "bass: the stem is 1.50 s long, the song 1.00 s");
    }

    #[test]
    fn damaged_stems_and_rates_are_errors() {
        let good = || sound(8000, 1.0, 0.1);
        let mut bad = good();
        bad.samples[17] = f32::NAN;
        let error = assemble([good(), bad, good(), good()], 8000, 8000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.message().starts_with("drums: "), "{error}");
        let mut bad = good();
        bad.rate = 0;
        assert!(assemble([good(), good(), good(), bad], 8000, 8000).is_err());
    }
}
