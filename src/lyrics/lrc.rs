//! Timed lyrics (LRC): which line is sung when.
//!
//! A line of an LRC file starts with one or more times, `[01:02.50]We were young`; a line that is
//! sung again has all of its times in front. Lines like `[ar:Name]` tell about the song, and
//! `[offset:250]` lets all lines come 250 ms earlier. Some programs also mark single words, as in
//! `<01:02.80>`. None of all that is lyrics: a model reads the text without it.

use super::utf16_spans;
use std::collections::BTreeMap;
use std::ops::Range;

/// Lyrics without their times, and the times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimedLyrics {
    /// The lyrics as a model reads them.
    pub text: String,
    /// When which line is sung, in the order of time; empty for lyrics that carry no times.
    pub lines: Vec<TimedLine>,
}

/// A line and a moment at which it is sung. A line without words ends the one before it.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedLine {
    /// When it starts, in seconds from the song's start, never negative.
    pub start: f64,
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
}

impl TimedLyrics {
    /// Takes the times out of lyrics. A text without a single time is kept as it is, whatever
    /// else stands in brackets.
    pub fn parse(lyrics: &str) -> Self {
        if !lyrics.lines().any(|line| !leading_times(line).0.is_empty()) {
            return Self { text: lyrics.to_owned(), lines: Vec::new() };
        }
        let mut timed = Self::default();
        let mut offset = 0.0;
        let mut first = true;
        for line in lyrics.lines() {
            let (times, rest) = leading_times(line);
            if times.is_empty()
                && let Some((key, value)) = metadata(line)
            {
                if key.eq_ignore_ascii_case("offset") {
                    offset = value.trim().parse::<i32>().map_or(offset, |ms| f64::from(ms) / 1000.0);
                }
                continue;
            }
            if !first {
                timed.text.push('\n');
            }
            first = false;
            let start = timed.text.len();
            push_without_word_times(&mut timed.text, if times.is_empty() { line } else { rest });
            let span = start..timed.text.len();
            timed.lines.extend(times.iter().map(|time| TimedLine { start: *time, span: span.clone() }));
        }
        for line in &mut timed.lines {
            line.start = (line.start - offset).max(0.0);
        }
        timed.lines.sort_by(|a, b| a.start.total_cmp(&b.start));
        timed
    }

    /// For each of the lines its span in UTF-16 code units, by which JavaScript counts.
    pub fn utf16_spans(&self) -> Vec<Range<usize>> {
        // Once in the order of the text, since looking them up in the order of time would go
        // through the text anew for every line.
        let mut spans: Vec<Range<usize>> = self.lines.iter().map(|line| line.span.clone()).collect();
        spans.sort_by_key(|span| span.start);
        spans.dedup();
        let units: BTreeMap<usize, Range<usize>> =
            spans.iter().map(|span| span.start).zip(utf16_spans(&self.text, &spans)).collect();
        self.lines.iter().map(|line| units.get(&line.span.start).cloned().unwrap_or_default()).collect()
    }
}

/// The times in front of a line in seconds, and what follows them without blanks around it.
fn leading_times(line: &str) -> (Vec<f64>, &str) {
    let mut times = Vec::new();
    let mut rest = line.trim_start_matches('\u{feff}').trim();
    while let Some((time, after)) = rest
        .strip_prefix('[')
        .and_then(|inner| inner.split_once(']'))
        .and_then(|(inside, after)| Some((seconds(inside)?, after)))
    {
        times.push(time);
        rest = after.trim_start();
    }
    (times, rest)
}

/// `mm:ss`, `mm:ss.x` up to `mm:ss.xxx`, or the same with a colon before the fraction.
fn seconds(tag: &str) -> Option<f64> {
    let (minutes, rest) = tag.trim().split_once(':')?;
    let (whole, fraction) = rest.split_once(['.', ':']).unwrap_or((rest, "0"));
    let number = |digits: &str, most: usize| -> Option<f64> {
        let valid = (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if valid { digits.parse::<u32>().ok().map(f64::from) } else { None }
    };
    let (minutes, whole, part) = (number(minutes, 3)?, number(whole, 2)?, number(fraction, 3)?);
    let digits = i32::try_from(fraction.len()).ok()?;
    (whole < 60.0).then(|| minutes * 60.0 + whole + part / 10_f64.powi(digits))
}

/// The tags that tell about the file. Only these are known to be none of the lyrics; a singer's
/// name or "Chorus: softly" in brackets is for the reader.
const METADATA: [&str; 13] =
    ["ar", "al", "ti", "au", "by", "la", "lr", "re", "ve", "id", "tool", "length", "offset"];

fn metadata(line: &str) -> Option<(&str, &str)> {
    let inside = line.trim_start_matches('\u{feff}').trim().strip_prefix('[')?.strip_suffix(']')?;
    let (key, value) = inside.split_once(':')?;
    let known = key == "#" || METADATA.iter().any(|known| key.trim().eq_ignore_ascii_case(known));
    known.then(|| (key.trim(), value))
}

/// Characters within which a word's time ends, `<mm:ss.xxx>` and some blanks. Without a limit a
/// text of nothing but `<` would be searched to its end for each of them.
const LONGEST_TAG: usize = 32;

/// Appends a line without the times of its words, and without the blanks those leave behind.
fn push_without_word_times(text: &mut String, line: &str) {
    let begin = text.len();
    let mut rest = line;
    while let Some(open) = rest.find('<') {
        let (before, tag) = rest.split_at(open);
        text.push_str(before);
        let close = tag[1..].char_indices().take(LONGEST_TAG).find(|(_, c)| *c == '>').map(|(at, _)| at + 1);
        match close.and_then(|close| Some((tag.get(1..close)?, tag.get(close + 1..)?))) {
            Some((inside, after)) if seconds(inside).is_some() => {
                let blank = text.len() == begin || text.ends_with(char::is_whitespace);
                rest = if blank { after.trim_start() } else { after };
            }
            _ => {
                text.push('<');
                rest = &tag[1..];
            }
        }
    }
    text.push_str(rest);
    text.truncate(begin + text[begin..].trim_end().len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(lyrics: &str) -> Vec<(f64, String)> {
        let timed = TimedLyrics::parse(lyrics);
        timed.lines.iter().map(|line| (line.start, timed.text[line.span.clone()].to_owned())).collect()
    }

    #[test]
    fn times_are_taken_out() {
        let lyrics = "\u{feff}[ti:Song]\r\n[ar: Someone]\r\n\r\n[00:12.00]First line\r\n[00:15.3] Second\r\n[01:02:500]\r\n";
        let timed = TimedLyrics::parse(lyrics);
        assert_eq!(timed.text, "\nFirst line\nSecond\n");
        assert_eq!(
            lines(lyrics),
            [(12.0, "First line".into()), (15.3, "Second".into()), (62.5, String::new())]
        );
    }

    #[test]
    fn a_refrain_stands_once_and_is_sung_twice() {
        let lyrics = "[00:30.00] [00:10.00]Oh love\n[00:20.00]Verse";
        assert_eq!(TimedLyrics::parse(lyrics).text, "Oh love\nVerse");
        assert_eq!(
            lines(lyrics),
            [(10.0, "Oh love".into()), (20.0, "Verse".into()), (30.0, "Oh love".into())]
        );
    }

    #[test]
    fn the_offset_moves_all_lines_and_none_before_the_start() {
        assert_eq!(lines("[00:01.00]a\n[offset:+500]\n[00:00.20]b"), [(0.0, "b".into()), (0.5, "a".into())]);
        assert_eq!(lines("[offset:-2000]\n[00:01.00]a"), [(3.0, "a".into())]);
        assert_eq!(lines("[offset:soon]\n[00:01.00]a"), [(1.0, "a".into())]);
    }

    #[test]
    fn words_may_be_timed_too() {
        assert_eq!(lines("[00:01.00] <00:01.10> Oh <00:01.50> my"), [(1.0, "Oh my".into())]);
        assert_eq!(lines("[00:01.00]I <3 you <00:02.00>"), [(1.0, "I <3 you".into())]);
    }

    #[test]
    fn spans_for_javascript() {
        let timed = TimedLyrics::parse("[00:09][00:02]🎵 né\n[00:01]x\n[00:03]");
        assert_eq!(timed.text, "🎵 né\nx\n");
        assert_eq!(timed.utf16_spans(), [6..7, 0..5, 8..8, 0..5]);
    }

    #[test]
    fn lyrics_without_times_stay_as_they_are() {
        for plain in [
            "",
            "[Chorus]\nla la\r\n",
            "[ar:x]\nno times [00:01.00] in front",
            "[00:99]a",
            "[1:2:3:4]b",
            "[0001:02]c",
        ] {
            assert_eq!(TimedLyrics::parse(plain), TimedLyrics { text: plain.into(), lines: vec![] });
        }
        assert_eq!(TimedLyrics::parse("[Verse: x]\n[00:01]la\n(hey)").text, "[Verse: x]\nla\n(hey)");
    }

    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "(\\[[0-9:.]{0,9}\\]|<[0-9:.]{0,9}>|[a-zé🎵 \n\r\\[\\]<>:]|\\[offset:-?[0-9]{1,12}\\]){0,40}",
        ]
    }

    proptest! {
        #[test]
        fn no_text_panics_and_spans_fit(lyrics in hostile()) {
            let timed = TimedLyrics::parse(&lyrics);
            prop_assert!(timed.text.len() <= lyrics.len());
            prop_assert!(timed.lines.is_sorted_by(|a, b| a.start <= b.start));
            for line in &timed.lines {
                prop_assert!(line.start.is_finite() && line.start >= 0.0);
                let sung = timed.text.get(line.span.clone());
                prop_assert!(sung.is_some_and(|sung| !sung.contains('\n')));
            }
        }

        #[test]
        fn every_time_is_found(
            texts in prop::collection::vec("[a-z é]{0,12}", 1..8),
            starts in prop::collection::vec(0u32..5_999_990, 8),
        ) {
            let stamp = |ms: u32| format!("[{:02}:{:02}.{:03}]", ms / 60_000, ms / 1000 % 60, ms % 1000);
            let file: Vec<String> = texts.iter().zip(&starts).map(|(text, ms)| stamp(*ms) + text).collect();
            let timed = TimedLyrics::parse(&file.join("\n"));
            let trimmed: Vec<&str> = texts.iter().map(|text| text.trim()).collect();
            prop_assert_eq!(&timed.text, &trimmed.join("\n"));
            let mut expected: Vec<f64> = starts[..texts.len()].iter().map(|ms| f64::from(*ms) / 1000.0).collect();
            expected.sort_by(f64::total_cmp);
            for (line, start) in timed.lines.iter().zip(&expected) {
                prop_assert!((line.start - start).abs() < 1e-9);
            }
            prop_assert_eq!(timed.lines.len(), texts.len());
        }
    }
}
