//! A list of songs as a CSV file: which recording, which words, and what the answer should be.
//!
//! What is wrong with the list itself is told before any song is opened, with the line; what is
//! wrong with one song is that song's error alone.

use super::{files, song};
use crate::explain::{Listener, Song};
use crate::lyrics::TimedLyrics;
use crate::{Error, Observer, Result};
use csv_core::ReadRecordResult;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A hundred thousand songs with two kilobytes of lyrics each, which is what pop songs have.
const MAX_BYTES: u64 = 200_000_000;

/// The columns that are read. `note` is for the list's author; other columns are not read either,
/// but [`Manifest::unread`] names them, since one of them may be a misspelt `lyrics`.
const COLUMNS: [&str; 7] = ["id", "audio", "lyrics", "text", "label", "title", "note"];

/// A list of songs.
#[derive(Debug)]
pub(super) struct Manifest {
    /// The songs, in the order of the list; never none.
    pub(super) songs: Vec<Listed>,
    /// The names of columns that mean nothing here.
    pub(super) unread: Vec<String>,
}

/// A song of a list. Nothing that it names was opened yet.
#[derive(Debug, PartialEq)]
pub(super) struct Listed {
    /// Where it stands in the file, counted from 1.
    pub(super) line: u64,
    /// Its name, which no other song of the list has.
    pub(super) id: String,
    pub(super) title: Option<String>,
    /// The class that it is known to belong to.
    pub(super) label: Option<String>,
    audio: Option<PathBuf>,
    words: Words,
}

#[derive(Debug, PartialEq)]
enum Words {
    None,
    File(PathBuf),
    Inline(String),
}

impl Manifest {
    /// Reads a list; the paths in it start from the list's own folder.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = files::read_text(path, MAX_BYTES)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        parse(&text, folder).map_err(|e| e.context(path.display()))
    }
}

impl Listed {
    /// Opens the recording and reads the words; where there is no recording the song is silent.
    pub(super) async fn open(
        &self,
        listener: &Listener,
        observer: &mut impl Observer,
    ) -> Result<(Song, String)> {
        let lyrics = match &self.words {
            Words::None => String::new(),
            Words::File(path) => song::read_lyrics(path)?,
            Words::Inline(text) => TimedLyrics::parse(text).text,
        };
        let heard = listener.hears() && self.audio.is_some();
        let read = listener.reads() && !lyrics.trim().is_empty();
        if !heard && !read {
            let lacks = match (listener.hears(), listener.reads()) {
                (true, true) => "there is no audio and not a word of lyrics",
                (true, false) => "there is no audio, and the model reads no lyrics",
                _ => "there is not a word of lyrics, and the model hears no audio",
            };
            return Err(Error::input(lacks));
        }
        let song = match &self.audio {
            Some(path) => song::hear(path, listener, observer).await?,
            None => Song::silent(listener),
        };
        Ok((song, lyrics))
    }
}

fn parse(text: &str, folder: &Path) -> Result<Manifest> {
    let mut records = Records::new(text);
    let Some(record) = records.next()? else {
        return Err(Error::input("the file is empty").hint(HEADER));
    };
    let header = Header::new(&record)?;
    let mut songs = Vec::new();
    let mut lines = HashMap::new();
    while let Some(record) = records.next()? {
        // Spreadsheets leave rows of commas behind the last song.
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let line = records.line;
        let song = header.song(&record, line, folder).map_err(|e| at(line, e))?;
        if let Some(first) = lines.insert(song.id.clone(), line) {
            let error = Error::input(format!("the id \"{}\" is that of line {first} too", song.id));
            return Err(at(line, error.hint("give every song an id of its own")));
        }
        songs.push(song);
    }
    if songs.is_empty() {
        return Err(Error::input("the file lists no songs").hint("write one line for each below the header"));
    }
    Ok(Manifest { songs, unread: header.unread })
}

const HEADER: &str = "the first line names the columns, such as id,audio,lyrics,label";

/// The records of a CSV file, with the lines that an editor shows.
struct Records<'a> {
    parser: csv_core::Reader,
    text: &'a str,
    /// How far the text was read.
    byte: usize,
    /// Where the last record starts.
    start: usize,
    /// The line of that place, counted from 1.
    line: u64,
    /// The number of fields in the first record, which all others must have.
    columns: Option<usize>,
}

impl<'a> Records<'a> {
    fn new(text: &'a str) -> Self {
        Self { parser: csv_core::Reader::new(), text, byte: 0, start: 0, line: 1, columns: None }
    }

    /// The next record, if there is one.
    fn next(&mut self) -> Result<Option<Vec<String>>> {
        let from = self.byte;
        let read = self.parse();
        let raw = self.text.get(from..self.byte).unwrap_or("");
        // Blank lines, and the second half of a line break, count as the start of the next record.
        let start = from + raw.len() - raw.trim_start_matches(['\r', '\n']).len();
        self.line += self.text.get(self.start..start).unwrap_or("").matches('\n').count() as u64;
        self.start = start;
        // A quote that is never closed makes one field of all that follows, which the parser lets
        // pass. In a whole record quotes come in pairs, since one inside a field is written twice.
        if raw.matches('"').count() % 2 == 1 {
            let error = Error::input("a quotation mark is opened and not closed");
            return Err(at(self.line, error.hint("inside a field in quotation marks write each one twice")));
        }
        if let Some(record) = &read {
            let (found, columns) = (record.len(), *self.columns.get_or_insert(record.len()));
            if found != columns {
                let message = format!("the number of fields is {found}, and that of columns {columns}");
                let hint = "put fields that hold a comma or a quotation mark in quotation marks";
                return Err(at(self.line, Error::input(message).hint(hint)));
            }
        }
        Ok(read)
    }

    fn parse(&mut self) -> Option<Vec<String>> {
        // Room for a line of paths; a song with its lyrics doubles it a few times.
        let (mut fields, mut ends) = (vec![0; 1024], vec![0; 16]);
        let (mut filled, mut ended) = (0, 0);
        loop {
            // At the end of the text the input is empty, which tells the parser that it is the end.
            let input = self.text.as_bytes().get(self.byte..).unwrap_or_default();
            let (result, read, written, ends_written) =
                self.parser.read_record(input, &mut fields[filled..], &mut ends[ended..]);
            self.byte += read;
            filled += written;
            ended += ends_written;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => fields.resize(2 * fields.len(), 0),
                ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len(), 0),
                ReadRecordResult::End => return None,
                ReadRecordResult::Record => break,
            }
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let spans = starts.zip(&ends).take(ended);
        Some(spans.map(|(start, end)| String::from_utf8_lossy(&fields[start..*end]).into_owned()).collect())
    }
}

fn at(line: u64, error: Error) -> Error {
    error.context(format_args!("line {line}"))
}

/// Which column holds what.
struct Header {
    places: HashMap<&'static str, usize>,
    unread: Vec<String>,
}

impl Header {
    fn new(record: &[String]) -> Result<Self> {
        let mut header = Self { places: HashMap::new(), unread: Vec::new() };
        for (place, name) in record.iter().map(|name| name.trim()).enumerate() {
            match COLUMNS.iter().find(|known| name.eq_ignore_ascii_case(known)) {
                Some(known) if header.places.insert(known, place).is_some() => {
                    return Err(Error::input(format!("there are two columns \"{known}\"")));
                }
                Some(_) => {}
                None if name.is_empty() => {}
                None => header.unread.push(name.to_owned()),
            }
        }
        let has = |name| header.places.contains_key(name);
        if !has("id") {
            let hint = if record.len() == 1 && record[0].contains([';', '\t']) {
                "separate the columns by commas"
            } else {
                HEADER
            };
            return Err(Error::input("there is no column \"id\"").hint(hint));
        }
        if !["audio", "lyrics", "text"].into_iter().any(has) {
            let message =
                "there is no column \"audio\", \"lyrics\" or \"text\", so there is nothing to predict from";
            return Err(Error::input(message).hint(HEADER));
        }
        Ok(header)
    }

    fn song(&self, record: &[String], line: u64, folder: &Path) -> Result<Listed> {
        let raw =
            |column| self.places.get(column).and_then(|place| record.get(*place)).map_or("", String::as_str);
        let field = |column| Some(raw(column).trim()).filter(|field| !field.is_empty());
        let id = field("id").ok_or_else(|| Error::input("the song has no id"))?;
        if id.contains(char::is_control) {
            return Err(Error::input("the id holds a line break or another control character"));
        }
        let path = |column| field(column).map(|path| folder.join(path));
        let words = match (path("lyrics"), field("text")) {
            (Some(_), Some(_)) => {
                return Err(Error::input("there are both \"lyrics\" and \"text\"").hint("keep one of them"));
            }
            (Some(path), None) => Words::File(path),
            (None, Some(_)) => Words::Inline(raw("text").to_owned()),
            (None, None) => Words::None,
        };
        let audio = path("audio");
        if audio.is_none() && words == Words::None {
            return Err(Error::input("the song has neither audio nor lyrics"));
        }
        let owned = |column| field(column).map(str::to_owned);
        Ok(Listed { line, id: id.to_owned(), title: owned("title"), label: owned("label"), audio, words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Manifest, String> {
        parse(text, Path::new("songs")).map_err(|e| e.to_string())
    }

    #[test]
    fn columns_come_in_any_order_and_paths_start_from_the_lists_folder() {
        let text = "Label,audio,artist,ID,text,lyrics,title,note,\r\n\
                    sad, a b.mp3 ,X,one,,\"w,1.lrc\",\"A \"\"B\"\"\",hm,\r\n\
                    ,,,,,,,,\r\n\
                    \r\n\
                    ,,,two,\"Two\nlines\",,,,\r\n";
        let Manifest { songs, unread } = read(text).unwrap();
        assert_eq!(unread, ["artist"]);
        let one = Listed {
            line: 2,
            id: "one".into(),
            title: Some("A \"B\"".into()),
            label: Some("sad".into()),
            audio: Some("songs/a b.mp3".into()),
            words: Words::File("songs/w,1.lrc".into()),
        };
        let words = Words::Inline("Two\nlines".into());
        let two = Listed { line: 5, id: "two".into(), title: None, label: None, audio: None, words };
        assert_eq!(songs, [one, two]);
    }

    #[test]
    fn what_is_wrong_with_a_list_is_told_with_its_line() {
        for (text, message) in [
            ("", "the file is empty"),
            ("a.mp3,b.txt\n", "there is no column \"id\""),
            ("id;audio\n1;a.mp3\n", "separate the columns by commas"),
            ("id,label\n1,sad\n", "nothing to predict from"),
            ("id,audio,Audio\n", "two columns \"audio\""),
            ("id,audio\n,\n", "lists no songs"),
            ("id,audio\n1,a.mp3\n\n1,b.mp3\n", "line 4: the id \"1\" is that of line 2 too"),
            ("id,audio\n1,a.mp3\n2\n", "line 3: the number of fields is 1, and that of columns 2"),
            ("id,audio\n,a.mp3\n", "line 2: the song has no id"),
            ("id,audio\n\"1\n2\",a.mp3\n", "line 2: the id holds a line break"),
            ("id,text,lyrics\n1,la la,a.txt\n", "line 2: there are both"),
            ("id,text\n1,la\n2,  \n", "line 3: the song has neither"),
            ("id,text\n1,\"la la\n2,la\n", "line 2: a quotation mark is opened and not closed"),
            ("id,text\n1,la\n2,5\" disc\n", "line 3: a quotation mark is opened and not closed"),
            ("id,text\n1,\"la\n2,\"la\"\n3,la\n", "quotation mark"),
            ("id,\"audio\n1,a.mp3\n", "line 1: a quotation mark"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{text:?}: {error}");
        }
    }

    #[test]
    fn an_open_quote_is_named_even_where_it_swallows_columns() {
        let error = read("id,text,title\n1,\"la la,\n2,la,\n").unwrap_err();
        assert!(error.contains("line 2: a quotation mark"), "{error}");
    }

    #[test]
    fn the_hand_made_lists_have_enough_of_each_mood() {
        let count = |list: &str, label: &str| {
            let manifest = Manifest::read(&Path::new("models/lists").join(list)).unwrap();
            assert!(manifest.unread.is_empty(), "{:?}", manifest.unread);
            manifest.songs.iter().filter(|song| song.label.as_deref() == Some(label)).count()
        };
        for mood in ["happy", "angry", "sad", "calm"] {
            assert!(count("lyrics.csv", mood) >= 10, "{mood}");
            assert!(count("tracks.csv", mood) >= 6, "{mood}");
        }
    }

    #[test]
    fn long_fields_and_many_columns_are_read_whole() {
        let columns: String = (0..100).map(|i| format!(",c{i}")).collect();
        let long = "né, na\n".repeat(1000);
        let Manifest { songs, unread } =
            read(&format!("id,text{columns}\n1,\"{long}\"{}", ",".repeat(100))).unwrap();
        assert_eq!(unread.len(), 100);
        assert_eq!(songs[0].words, Words::Inline(long));
    }
}
