//! Words: cleaning lyrics as a model's training did, finding the words that are switched on and
//! off, deleting the ones that are off, and turning what is left into RoBERTa's tokens. Knows
//! nothing of audio or of the web.
//!
//! ```
//! use musiclime::lyrics::{Cleaning, Fold, IndexedLyrics, clean};
//!
//! let lyrics = IndexedLyrics::new("Love me, love me not!", Fold::Case)?;
//! let words: Vec<_> = lyrics.words().iter().map(|word| word.text.as_str()).collect();
//! assert_eq!(words, ["love", "me", "not"]);
//! assert_eq!(lyrics.without(&[false, true, true]), " me,  me not!");
//! assert_eq!(clean(lyrics.text(), Cleaning::Paper), "love me love me not");
//! # Ok::<(), musiclime::Error>(())
//! ```

mod cleaning;
mod heard;
mod lrc;
mod tokenizer;
mod tokenizer_file;
mod words;

pub use cleaning::{Cleaning, clean};
pub use heard::{heard, heard_len};
pub use lrc::{TimedLine, TimedLyrics};
pub use tokenizer::{Tokenizer, Tokens};
pub use tokenizer_file::tokenizer_json;
pub use words::{Fold, IndexedLyrics, Word, is_word_character, utf16_spans};

use crate::{Error, Result};

/// The longest lyrics, in bytes, that are taken. The longest songs of which lyrics are
/// published stay below 100 kB, so whatever is longer is another file chosen by mistake; and
/// every row that is scored tokenizes the text anew.
pub const MAX_LYRICS_BYTES: usize = 256 * 1024;

/// The most distinct words that can be explained. The surrogate solves a dense system of that
/// size, which at 4,000 takes 128 MB in f64; a wordy rap song has about 1,000 distinct words.
pub const MAX_WORDS: usize = 4_000;

fn check_length(bytes: usize, limit: usize) -> Result<()> {
    if bytes <= limit {
        return Ok(());
    }
    Err(Error::input(format!(
        "the lyrics are {} kB long, and no song has more than {}",
        bytes >> 10,
        limit >> 10
    ))
    .hint("give the words of one song as plain text"))
}
