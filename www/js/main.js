/** The page: wires the form, the session and the views together. */

import { NAMES } from "./backend.js";
import { byId } from "./dom.js";
import { cancelled } from "./engine-client.js";
import { showExplanation, spokenSummary } from "./explanation.js";
import { fetched, stopFetching } from "./fetching.js";
import { acceptDrops, takeFiles, takeSong } from "./files.js";
import { megabytes } from "./format.js";
import { giveBack, lend, lyricsText, takeOver } from "./lyrics-field.js";
import { Player } from "./player.js";
import { predictionItems } from "./predictions.js";
import { Session } from "./session.js";
import { offerLabels, readSettings, wishedBackend } from "./settings.js";
import { SongPanel } from "./song-panel.js";
import { fetchSong, fetchSongs, fetchSound, showSongs } from "./songs.js";
import { decodeSound, fetchStored } from "./stored.js";
import { announce, begin, clearError, idle, progress, showError, showNote, working } from "./status.js";

/** @typedef {import("../types/engine.d.ts").EngineError} EngineError */
/** @typedef {import("../types/engine.d.ts").Explanation} Explanation */

const form = byId("inputs", HTMLFormElement);
const songInput = byId("song", HTMLInputElement);
const lyricsInput = byId("lyrics", HTMLTextAreaElement);
const modelSelect = byId("model", HTMLSelectElement);
const explainButton = byId("explain", HTMLButtonElement);
/** On a narrow screen the one beside Explain may be far from what is going on. */
const cancelButtons = ["cancel", "cancel-here"].map((id) => byId(id, HTMLButtonElement));
const backendLine = byId("backend");
const intro = byId("intro");
const predictions = byId("predictions");
const region = byId("explanation");

const player = new Player({ track, window: windowTracks, withdraw }, { error: showError, clear: clearError });
const songPanel = new SongPanel(player);
const session = new Session({ note: working, progress });

/** @type {File | undefined} */
let songFile;

/** @type {{file: File, model: string, rate: number} | undefined} What the player has. */
let playable;

/** @type {import("./stored.js").Stored | undefined} The stored explanation, as long as it is shown. */
let stored;

/** Counts the songs that were brought or asked for, so that one which comes late does not take the place of a newer one. */
let wishes = 0;

/** The explanation that was asked for last, done or not. */
let explained = Promise.resolve();

/** @type {import("./engine-client.js").EngineClient | undefined} Who takes the song apart for the player. */
let separating;

/** Counts how often the player did not want any more what it had asked for. */
let withdrawals = 0;

/** Whether the engine is taken up with an explanation. */
let explaining = false;

/** Counts the Cancels, so that work of several calls hears one that came between two of them. */
let cancels = 0;

/** How many things are being waited for; the first shows Cancel, the last hides it. */
let waiting = 0;

/**
 * Runs something that may take long, shows that it does, and shows why it failed.
 * @param {() => Promise<void>} work
 */
async function busy(work) {
  waiting++;
  for (const button of cancelButtons) button.disabled = false;
  try {
    await work();
  } catch (thrown) {
    failed(thrown);
  }
  if (--waiting === 0) {
    const focused = cancelButtons.some((button) => button === document.activeElement);
    idle();
    for (const button of cancelButtons) button.disabled = true;
    // A disabled button drops the focus; the result is where it belongs.
    if (focused) (region.hidden ? explainButton : (region.querySelector("h2") ?? explainButton)).focus();
  }
}

/** @param {unknown} thrown */
function failed(thrown) {
  const known = thrown && typeof thrown === "object" && "kind" in thrown;
  const error = /** @type {EngineError} */ (
    known ? thrown : { kind: "internal", message: String(thrown), hint: null }
  );
  if (error.kind === "cancelled") {
    showNote(error.message === "cancelled" ? "Stopped." : error.message, error.hint);
    return;
  }
  if (!known) console.error(thrown);
  if (error.kind !== "device") return showError(error);
  // The device is gone with everything on it: only a new engine helps.
  session.drop();
  backendLine.textContent = "";
  const way = { label: "Continue on the CPU", run: () => void continueOnCpu() };
  showError(error, wishedBackend() === "cpu" ? undefined : way);
}

function continueOnCpu() {
  for (const input of document.querySelectorAll('input[name="backend"]')) {
    if (input instanceof HTMLInputElement) input.checked = input.value === "cpu";
  }
  clearError();
  return songFile ? startExplain() : busy(async () => void (await loadEngine()));
}

async function loadEngine() {
  backendLine.textContent = "";
  const { ready, why } = await session.engine(
    wishedBackend(),
    new URL(modelSelect.value, document.baseURI).href,
  );
  const { model, client } = ready;
  backendLine.textContent = `Runs on ${NAMES[client.backend]}${client.backend === "cpu" ? " (WebAssembly)" : ""}: ${why}.`;
  byId("model-title").textContent = `${model.title} (${megabytes(model.bytes)})`;
  byId("model-description").textContent = `${model.description} Licence: ${model.licence}.`;
  byId("model-about").hidden = false;
  offerLabels(model.labels);
  return ready;
}

/**
 * @param {File} file
 * @returns {Promise<{ready: import("./backend.js").Ready, song: import("../types/engine.d.ts").SongInfo}>}
 */
async function loadSong(file) {
  const before = cancels;
  const ready = await loadEngine();
  still(file);
  let song;
  try {
    song = await session.song(ready, file);
  } catch (thrown) {
    still(file);
    const { kind } = /** @type {EngineError} */ (thrown);
    // An engine that did not let go of the song before this one was ended; a new one takes this.
    if (kind === "cancelled" && !ready.client.alive && cancels === before) return loadSong(file);
    throw thrown;
  }
  still(file);
  songPanel.show(song, ready.model);
  const { id: model, sampling_rate: rate } = ready.model;
  // Another model may hear at another rate or have other stems, and what the player has is of the old one then.
  if (playable?.file !== file || playable.model !== model || playable.rate !== rate) {
    player.load({ seconds: song.seconds, rate });
  }
  playable = { file, model, rate };
  return { ready, song };
}

/**
 * Stops what is done with a song in whose place another one was brought.
 * @param {File} file
 */
function still(file) {
  if (file !== songFile) throw cancelled();
}

/**
 * As `busy`, for work on a song: of a song that is not wanted any more, nobody needs to hear.
 * @param {File} file
 * @param {() => Promise<void>} work
 */
function busyWith(file, work) {
  return busy(async () => {
    try {
      await work();
    } catch (thrown) {
      if (file === songFile) throw thrown;
    }
  });
}

/**
 * Gets sounds out of the engine for the player, and tells why if it can't.
 * @template T
 * @param {(client: import("./engine-client.js").EngineClient) => Promise<T>} get
 * @param {{stems: boolean}} needs
 * @returns {Promise<T | undefined>}
 */
async function sounds(get, { stems }) {
  if (explaining) {
    showNote("The song is being taken apart and judged", "This can be heard as soon as that is done");
    return undefined;
  }
  const before = withdrawals;
  if (stored) {
    const shown = stored;
    await busy(() => adopt(shown));
    // Another song may have come meanwhile, and what was asked for is not about that.
    if (stored !== shown) return undefined;
  }
  const file = songFile;
  if (!file || withdrawals !== before) return undefined;
  /** @type {T | undefined} */
  let found;
  await busyWith(file, async () => {
    const { client } = (await loadSong(file)).ready;
    if (withdrawals !== before) return;
    if (stems) {
      separating = client;
      try {
        await client.call("separate", [], progress);
      } catch (thrown) {
        if (withdrawals !== before && /** @type {EngineError} */ (thrown).kind === "cancelled") return;
        throw thrown;
      } finally {
        separating = undefined;
      }
      still(file);
      if (withdrawals !== before) return;
    }
    found = await get(client);
  });
  return found;
}

/** @param {string} name */
async function track(name) {
  if (name === "mix" && stored) return sound(stored);
  return sounds((client) => client.call("track", [name]), { stems: name !== "mix" });
}

/** @param {string} json */
function windowTracks(json) {
  return sounds((client) => client.call("windowTracks", [json]), { stems: true });
}

/** Nobody waits for the sound any more; an explanation may still need the stems. */
function withdraw() {
  withdrawals++;
  if (explainButton.ariaDisabled !== "true") separating?.cancel();
}

/**
 * The stored explanation's song, which needs no engine.
 * @param {import("./stored.js").Stored} shown
 */
async function sound(shown) {
  /** @type {import("../types/engine.d.ts").Track | undefined} */
  let found;
  await busy(async () => {
    const before = cancels;
    const file = shown.file ?? (await fetched(shown.song.title, (signal) => fetchSound(shown.song, signal)));
    if (!file) return;
    shown.file = file;
    const decoded = await decodeSound(file, shown.rate);
    if (cancels !== before) throw cancelled();
    found = decoded;
  });
  return stored === shown ? found : undefined;
}

/**
 * Brings the stored explanation's song for what only an engine can do with it; all that is shown stays.
 * @param {import("./stored.js").Stored} shown
 */
async function adopt(shown) {
  if (songFile) return;
  const found = await fetched(shown.song.title, (signal) => fetchSong(shown.song, signal, shown.file));
  if (!found || stored !== shown || songFile) return;
  const { file, lyrics } = found;
  shown.file = file;
  name(file);
  songFile = file;
  playable = { file, model: shown.shown.explanation.model.id, rate: shown.rate };
  songPanel.expect(file);
  if (lyricsText().trim() === "") lend(lyrics);
}

/** Removes what is shown of an explanation, in whose place something else comes. */
function clearResults() {
  stored = undefined;
  region.hidden = true;
  predictions.hidden = true;
  intro.hidden = false;
}

/** Asks for an explanation. */
function startExplain() {
  explained = busy(explain);
  return explained;
}

async function explain() {
  const read = readSettings();
  if ("invalid" in read) {
    byId("settings", HTMLDetailsElement).open = true;
    read.invalid.reportValidity();
    return;
  }
  // Not disabled, which would drop the focus.
  explainButton.setAttribute("aria-disabled", "true");
  try {
    // What is shown is what is meant, unless there are lyrics of another song.
    if (stored && lyricsText().trim() === "") {
      const wish = wishes;
      begin();
      await adopt(stored);
      if (wishes !== wish) return;
    }
    if (songFile) return await explainSong(songFile, read.settings);
    showError({
      message: "There is no song yet",
      hint: "Choose an audio file, or drop one anywhere on the page",
    });
  } finally {
    explainButton.removeAttribute("aria-disabled");
  }
}

/**
 * @param {File} file
 * @param {import("../types/engine.d.ts").Settings} wished
 */
async function explainSong(file, wished) {
  const before = cancels;
  const goOn = () => {
    if (cancels !== before) throw cancelled();
    still(file);
  };
  clearResults();
  begin();
  player.explained(undefined);
  try {
    const { ready, song } = await loadSong(file);
    // The engine will be busy, and the song is what one may want to hear while waiting.
    await player.prepare(() => ready.client.call("track", ["mix"]));
    explaining = true;
    goOn();
    const lyrics = await ready.client.call("timed", [lyricsText()]);
    goOn();
    const settings = { ...wished, ...songPanel.settings() };
    const began = performance.now();
    working("Asking the model about the whole song");
    const words = await ready.client.call("words", [lyrics.text]);
    const found = await ready.client.call("predict", [lyrics.text, settings]);
    still(file);
    byId("predictions-list").replaceChildren(...predictionItems(found));
    predictions.hidden = false;
    intro.hidden = true;
    goOn();
    if (found[0]) announce(`The model says ${found[0].label}`);
    const json = await ready.client.call("explain", [lyrics.text, settings], progress);
    still(file);
    /** @type {Explanation} */
    const explanation = JSON.parse(json);
    const seconds = (performance.now() - began) / 1000;
    const wave = { peaks: song.peaks, seconds: song.seconds };
    const modality = settings.modality ?? "both";
    explaining = false;
    clearError();
    showExplanation(region, { explanation, json, lyrics, modality, words, wave, seconds }, player);
    announce(spokenSummary(explanation));
  } catch (thrown) {
    if (file === songFile) throw thrown;
    // Another song was brought meanwhile, and what the model says is not about that.
    clearResults();
    showNote("The song before is not explained any more, since another one was chosen", null);
  } finally {
    explaining = false;
  }
}

/** @param {File} file Whose place an earlier one loses. */
function bring(file) {
  wishes++;
  stopFetching("superseded");
  clearError();
  if (stored) clearResults();
  songFile = file;
  session.cancelSong();
  playable = undefined;
  player.load(undefined);
  songPanel.expect(file);
  void busyWith(file, async () => void (await loadSong(file)));
}

/** @type {import("./files.js").Sink} A person's own song and lyrics. */
const sink = {
  song(file) {
    giveBack();
    document.body.classList.remove("trying");
    bring(file);
  },
  lyrics(text) {
    clearError();
    takeOver(text);
    announce("Lyrics taken over");
  },
  refuse(message, hint) {
    showError({ message, hint });
  },
};

/**
 * The file input names what was brought in another way, as if it had been chosen there.
 * @param {File} file
 */
function name(file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  songInput.files = transfer.files;
}

/**
 * Brings a demo song as its files would be brought, and explains it.
 * @param {import("./songs.js").DemoSong} song
 */
async function tryOut(song) {
  const asked = document.activeElement;
  wishes++;
  stopFetching("superseded");
  const before = cancels;
  clearError();
  document.body.classList.add("trying");
  await busy(async () => {
    begin();
    const found = await fetched(song.title, (signal) => fetchSong(song, signal));
    if (!found) return;
    const { file, lyrics } = found;
    name(file);
    bring(file);
    if (lend(lyrics)) {
      showNote("The demo song’s lyrics took the place of yours", "Yours come back with a song of your own");
    } else announce(lyrics ? "Lyrics taken over" : "This song has no words");
    // What was being explained hears of the new song, and makes room.
    await explained;
    if (songFile !== file || cancels !== before) return;
    await startExplain();
    // The list is far above what was asked for by then.
    if (songFile === file && !region.hidden && document.activeElement === asked) {
      region.querySelector("h2")?.focus();
    }
  });
}

/** What there is to see and to try before anything was loaded. */
async function welcome() {
  const songs = await fetchSongs();
  showSongs(songs, (song) => void tryOut(song), player);
  const found = await fetchStored(songs);
  // Whoever was quicker than the network has other things to look at.
  if (!found || songFile || !region.hidden || explainButton.ariaDisabled === "true") return;
  stored = found;
  document.body.classList.add("trying");
  const { explanation } = found.shown;
  player.load({ seconds: explanation.song.seconds, rate: found.rate });
  byId("predictions-list").replaceChildren(...predictionItems(explanation.predictions));
  predictions.hidden = false;
  intro.hidden = true;
  showExplanation(region, found.shown, player);
  offerLabels(explanation.predictions.map(({ label }) => label));
}

songInput.addEventListener("change", () => {
  const file = songInput.files?.[0];
  if (file) takeSong(file, sink);
});
acceptDrops(byId("drop-veil"), {
  ...sink,
  song(file) {
    name(file);
    sink.song(file);
  },
});
lyricsInput.addEventListener("paste", (event) => {
  const files = event.clipboardData?.files;
  if (!files?.length) return;
  event.preventDefault();
  void takeFiles(files, sink);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (explainButton.ariaDisabled === "true") return;
  clearError();
  void startExplain();
});
for (const button of cancelButtons) {
  button.addEventListener("click", () => {
    cancels++;
    stopFetching("cancelled");
    session.cancel();
  });
}
form.addEventListener("change", ({ target }) => {
  const reload = target === modelSelect || (target instanceof HTMLInputElement && target.name === "backend");
  if (!reload) return;
  clearError();
  const file = songFile;
  if (file) void busyWith(file, async () => void (await loadSong(file)));
  else void busy(async () => void (await loadEngine()));
});

// The page does without the demo songs where they are missing; it says so to those who look.
welcome().catch((thrown) => console.warn(thrown));
