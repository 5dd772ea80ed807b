/** The songs to try: what they are, whom they are by, and how one hears them with nothing but the file. */

import { byId, h } from "./dom.js";
import { cancelled } from "./engine-client.js";
import { showError } from "./status.js";

/**
 * @typedef {object} DemoSong As `songs/songs.json` lists it; files are beside it.
 * @property {string} id
 * @property {string} title
 * @property {string} artist
 * @property {string} about What it is, in a line.
 * @property {string} file
 * @property {string} [lyrics] Absent for a song without words.
 * @property {string} credit
 * @property {{name: string, url: string}[]} licences Of which one may choose.
 * @property {string} [explanation] One of them is stored with its explanation.
 */

/** @param {string} file */
const address = (file) => new URL(`songs/${file}`, document.baseURI);

/** @returns {Promise<DemoSong[]>} */
export async function fetchSongs() {
  return JSON.parse(await fetchText("songs.json")).songs;
}

/**
 * The song, as if somebody had chosen its file.
 * @param {DemoSong} song
 * @param {AbortSignal} signal
 */
export async function fetchSound({ file }, signal) {
  return new File([await get(file, (response) => response.blob(), signal)], file, { type: "audio/mpeg" });
}

/**
 * The song and its lyrics, as if somebody had chosen the two files.
 * @param {DemoSong} song
 * @param {AbortSignal} signal
 * @param {File} [known] The song, where it was fetched before.
 * @returns {Promise<{file: File, lyrics: string}>}
 */
export async function fetchSong(song, signal, known) {
  const [file, lyrics] = await Promise.all([
    known ?? fetchSound(song, signal),
    song.lyrics ? fetchText(song.lyrics, signal) : "",
  ]);
  return { file, lyrics: lyrics.trimEnd() };
}

/**
 * @param {string} file
 * @param {AbortSignal} [signal]
 */
export function fetchText(file, signal) {
  return get(file, (response) => response.text(), signal);
}

/**
 * @template T
 * @param {string} file
 * @param {(response: Response) => Promise<T>} read In here, since a connection may also break halfway.
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
async function get(file, read, signal) {
  let status;
  try {
    const response = await fetch(address(file), { signal: signal ?? null });
    if (response.ok) return await read(response);
    status = response.status;
  } catch {
    if (signal?.aborted) throw cancelled();
    throw unreachable(file, "the server does not answer");
  }
  throw unreachable(file, `the server answers ${status}`);
}

/**
 * @param {string} file
 * @param {string} why
 */
function unreachable(file, why) {
  return {
    kind: "input",
    message: `The demo song could not be loaded: ${why} (songs/${file})`,
    hint: "Check the connection and try again, or bring a song of your own",
  };
}

/**
 * Shows the songs. One sounds at a time, and none beside the page's own player.
 * @param {DemoSong[]} songs
 * @param {(song: DemoSong) => void} explain
 * @param {import("./player.js").Player} player
 */
export function showSongs(songs, explain, player) {
  const list = byId("songs-list");
  list.replaceChildren(...songs.map((song) => card(song, explain)));
  const sounds = [...list.querySelectorAll("audio")];
  const pauseAllBut = (/** @type {EventTarget | null} */ one) => {
    for (const sound of sounds) if (sound !== one) sound.pause();
  };
  for (const sound of sounds) {
    sound.addEventListener("play", () => {
      pauseAllBut(sound);
      player.stop();
    });
  }
  let played = false;
  player.watch(({ playing }) => {
    // Only as it begins: while it plays, it is told to every frame, and would silence a song that just took over.
    if (playing && !played) pauseAllBut(null);
    played = playing;
  }, list);
  byId("songs").hidden = false;
}

/**
 * @param {DemoSong} song
 * @param {(song: DemoSong) => void} explain
 */
function card(song, explain) {
  const { title, artist, about, file, credit, licences } = song;
  return h(
    "li",
    {},
    h("div", {}, h("h3", {}, title), h("p", { class: "hint" }, artist)),
    h("p", {}, about),
    h(
      "div",
      { class: "try" },
      h("audio", {
        controls: true,
        preload: "none",
        src: address(file).href,
        "aria-label": `Listen to ${title}`,
        error: () =>
          showError({
            message: `“${title}” could not be played (songs/${file})`,
            hint: "Check the connection and load the page again, or bring a song of your own",
          }),
      }),
      h(
        "button",
        { type: "button", "aria-label": `Explain it: ${title}`, click: () => explain(song) },
        "Explain it",
      ),
    ),
    h(
      "p",
      { class: "hint" },
      `${credit} `,
      // In a tab of its own, since this one may hold somebody's song.
      ...licences.flatMap(({ name, url }, at) => [
        at > 0 ? " or " : "",
        h("a", { href: url, target: "_blank", rel: "license noopener noreferrer" }, name),
      ]),
    ),
  );
}
