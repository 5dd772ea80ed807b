/** Bringing a song and lyrics: chosen, or dropped anywhere on the page. */

/** As the engine's own limit; the page would have to read the whole file to hear it from there. */
const SONG_BYTES = 256 * 2 ** 20;
/** A hundred times the longest lyrics. */
const LYRICS_BYTES = 1e6;

const SONG_NAMES = /\.(mp3|mp4|m4a|aac|wav|wave|flac|ogg|oga|opus)$/i;
const LYRICS_NAMES = /\.(txt|text|lrc)$/i;

/**
 * @typedef {object} Sink
 * @property {(file: File) => void} song
 * @property {(text: string) => void} lyrics
 * @property {(message: string, hint: string) => void} refuse
 */

/**
 * Sorts files into song and lyrics.
 * @param {Iterable<File>} files
 * @param {Sink} sink
 */
export async function takeFiles(files, sink) {
  for (const file of files) {
    if (LYRICS_NAMES.test(file.name) || file.type.startsWith("text/")) await takeLyrics(file, sink);
    else if (SONG_NAMES.test(file.name) || /^(audio|video)\//.test(file.type)) takeSong(file, sink);
    else
      sink.refuse(
        `“${file.name}” is neither a song nor lyrics`,
        "Drop an audio file, or lyrics as a .txt or .lrc file",
      );
  }
}

/**
 * @param {File} file
 * @param {Sink} sink
 */
export function takeSong(file, sink) {
  if (file.size > SONG_BYTES) {
    sink.refuse(
      `“${file.name}” is larger than ${SONG_BYTES / 2 ** 20} MB`,
      "Cut the song, or save it as MP3 or Ogg Vorbis",
    );
  } else if (file.size === 0) {
    sink.refuse(`“${file.name}” is empty`, "Choose another file");
  } else {
    sink.song(file);
  }
}

/**
 * @param {File} file
 * @param {Sink} sink
 */
async function takeLyrics(file, sink) {
  if (file.size > LYRICS_BYTES) {
    sink.refuse(`“${file.name}” is too large for lyrics`, "Lyrics are a text file of at most 1 MB");
    return;
  }
  try {
    const bytes = await file.arrayBuffer();
    // A byte order mark of UTF-16 is what Windows' editor writes as "Unicode".
    const [a, b] = new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength));
    const encoding = a === 0xff && b === 0xfe ? "utf-16le" : a === 0xfe && b === 0xff ? "utf-16be" : "utf-8";
    sink.lyrics(new TextDecoder(encoding, { fatal: true }).decode(bytes));
  } catch {
    sink.refuse(`“${file.name}” can’t be read as text`, "Save the lyrics as UTF-8, or paste them");
  }
}

/**
 * Lets files be dropped anywhere; dragged text still goes where text goes.
 * @param {HTMLElement} veil Shown while something is held over the page.
 * @param {Sink} sink
 */
export function acceptDrops(veil, sink) {
  const carriesFiles = (/** @type {DragEvent} */ event) =>
    event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    // Leaving for nothing is leaving the window; leaving for another element is moving within it.
    if (event.relatedTarget === null) veil.hidden = true;
  });
  addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    takeFiles([...(event.dataTransfer?.files ?? [])], sink);
  });
}
