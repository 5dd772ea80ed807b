//! An explanation as a table for spreadsheets.

use super::{Explanation, Feature};

const HEADER: &str = "label,kind,stem,segment,start,end,word,count,weight,low,high,heard";

/// One line for each label and feature, as RFC 4180 has it: comma-separated, CRLF at the end of
/// each line, fields quoted where they hold a comma, a quote or a line break.
///
/// Labels and words come from files that others made, and a spreadsheet takes a field that
/// begins with `=`, `+`, `-` or `@` for a formula, quoted or not. Such a text gets an
/// apostrophe before it, which spreadsheets read as "this is text". Numbers stay as they are.
pub fn to_csv(explanation: &Explanation) -> String {
    let mut csv = String::from(HEADER);
    csv.push_str("\r\n");
    for label in &explanation.explanations {
        for feature in &label.features {
            let fields = match feature {
                Feature::Audio(audio) => [
                    text(&audio.stem),
                    audio.segment.to_string(),
                    number(audio.start),
                    number(audio.end),
                    String::new(),
                    String::new(),
                ],
                Feature::Word(word) => [
                    String::new(),
                    String::new(),
                    String::new(),
                    String::new(),
                    text(&word.word),
                    word.count.to_string(),
                ],
            };
            let kind = match feature {
                Feature::Audio(_) => "audio",
                Feature::Word(_) => "word",
            };
            let (low, high) = feature.interval().unzip();
            let fields = [
                [text(&label.label), kind.to_owned()].as_slice(),
                &fields,
                &[
                    number(feature.weight()),
                    low.map(number).unwrap_or_default(),
                    high.map(number).unwrap_or_default(),
                    feature.heard().to_string(),
                ],
            ]
            .concat();
            csv.push_str(&fields.join(","));
            csv.push_str("\r\n");
        }
    }
    csv
}

/// The shortest digits that read back as the same number.
fn number(value: f64) -> String {
    format!("{value:?}")
}

/// A text field, guarded against being taken for a formula, quoted if it has to be.
fn text(value: &str) -> String {
    // Blanks before the sign, and the signs' full-width forms, are no protection.
    let first = value.chars().find(|c| !c.is_whitespace() && !c.is_control());
    let formula = matches!(first, Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'));
    let guard = if formula { "'" } else { "" };
    if value.contains(['"', ',', '\r', '\n']) {
        format!("\"{guard}{}\"", value.replace('"', "\"\""))
    } else {
        format!("{guard}{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::tests::{audio, example, word};
    use super::*;
    use proptest::prelude::*;

    /// A reader of RFC 4180 that is as plain as can be.
    fn parse(csv: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut characters = csv.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    field.push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut field)),
                '\r' if !quoted && characters.peek() == Some(&'\n') => {
                    characters.next();
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                c => field.push(c),
            }
        }
        assert!(!quoted && row.is_empty() && field.is_empty(), "the last line is not ended");
        rows
    }

    #[test]
    fn a_table_of_features() {
        let mut explanation = example("hip hop", vec![audio("vocals", 3, -0.5), word("love", 1e-7)]);
        if let Feature::Word(word) = &mut explanation.explanations[0].features[1] {
            (word.low, word.high, word.heard) = (Some(-0.25), Some(0.25), false);
        }
        let expected = "label,kind,stem,segment,start,end,word,count,weight,low,high,heard\r\n\
            hip hop,audio,vocals,3,3.0,4.0,,,-0.5,,,true\r\n\
            hip hop,word,,,,,love,1,1e-7,-0.25,0.25,false\r\n";
        assert_eq!(to_csv(&explanation), expected);
        assert_eq!(to_csv(&example("pop", vec![])).lines().count(), 1);
    }

    #[test]
    fn formulas_become_text() {
        let cases = [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-la", "'-la"),
            ("@x", "'@x"),
            (" \t=1", "' \t=1"),
            ("＝1", "'＝1"),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("\r=1", "\"'\r=1\""),
            ("a=b", "a=b"),
            ("rock, pop", "\"rock, pop\""),
            ("\"q\"", "\"\"\"q\"\"\""),
        ];
        for (value, expected) in cases {
            assert_eq!(text(value), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(label in any::<String>(), lyric in any::<String>()) {
            let rows = parse(&to_csv(&example(&label, vec![word(&lyric, -0.5), audio("bass", 1, 0.5)])));
            prop_assert_eq!(rows.len(), 3);
            prop_assert!(rows.iter().all(|row| row.len() == 12));
            for (field, value) in [(&rows[1][0], &label), (&rows[1][6], &lyric)] {
                prop_assert_eq!(field.strip_prefix('\'').filter(|rest| *rest == value).unwrap_or(field), value);
                prop_assert!(!field.trim_start().starts_with(['=', '+', '-', '@']));
            }
            prop_assert_eq!(&rows[1][8], "-0.5");
        }
    }
}
