/** The page: wires the form, the session and the views together. */

import { NAMES } from "./backend.js";
import { byId } from "./dom.js";
import { cancelled } from "./engine-client.js";
import { showExplanation, spokenSummary } from "./explanation.js";
import { acceptDrops, takeFiles, takeSong } from "./files.js";
import { megabytes } from "./format.js";
import { Player } from "./player.js";
import { predictionItems } from "./predictions.js";
import { Session } from "./session.js";
import { offerLabels, readSettings, wishedBackend } from "./settings.js";
import { SongPanel } from "./song-panel.js";
import { announce, clearError, idle, progress, showError, showNote, working } from "./status.js";

/** @typedef {import("../types/engine.d.ts").EngineError} EngineError */
/** @typedef {import("../types/engine.d.ts").Explanation} Explanation */

const form = byId("inputs", HTMLFormElement);
const songInput = byId("song", HTMLInputElement);
const lyricsInput = byId("lyrics", HTMLTextAreaElement);
const modelSelect = byId("model", HTMLSelectElement);
const explainButton = byId("explain", HTMLButtonElement);
const cancelButton = byId("cancel", HTMLButtonElement);
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
  cancelButton.disabled = false;
  try {
    await work();
  } catch (thrown) {
    failed(thrown);
  }
  if (--waiting === 0) {
    idle();
    const focused = document.activeElement === cancelButton;
    cancelButton.disabled = true;
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
  return songFile ? busy(explain) : busy(async () => void (await loadEngine()));
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
  const file = songFile;
  if (explaining || !file) {
    showNote("The song is being taken apart and judged", "This can be heard as soon as that is done");
    return undefined;
  }
  /** @type {T | undefined} */
  let found;
  const before = withdrawals;
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
function track(name) {
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

async function explain() {
  const read = readSettings();
  if ("invalid" in read) {
    byId("settings", HTMLDetailsElement).open = true;
    read.invalid.reportValidity();
    return;
  }
  const file = songFile;
  if (!file) {
    showError({
      message: "There is no song yet",
      hint: "Choose an audio file, or drop one anywhere on the page",
    });
    return;
  }
  // Not disabled, which would drop the focus.
  explainButton.setAttribute("aria-disabled", "true");
  const before = cancels;
  const goOn = () => {
    if (cancels !== before) throw cancelled();
    still(file);
  };
  region.hidden = true;
  predictions.hidden = true;
  player.explained(undefined);
  try {
    const { ready, song } = await loadSong(file);
    // The engine will be busy, and the song is what one may want to hear while waiting.
    await player.prepare(() => ready.client.call("track", ["mix"]));
    explaining = true;
    goOn();
    const lyrics = await ready.client.call("timed", [lyricsInput.value]);
    goOn();
    const settings = { ...read.settings, ...songPanel.settings() };
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
    predictions.hidden = true;
    showNote("The song before is not explained any more, since another one was chosen", null);
  } finally {
    explaining = false;
    explainButton.removeAttribute("aria-disabled");
  }
}

/** @type {import("./files.js").Sink} */
const sink = {
  song(file) {
    clearError();
    songFile = file;
    session.cancelSong();
    playable = undefined;
    player.load(undefined);
    songPanel.expect(file);
    void busyWith(file, async () => void (await loadSong(file)));
  },
  lyrics(text) {
    clearError();
    lyricsInput.value = text;
    announce("Lyrics taken over");
  },
  refuse(message, hint) {
    showError({ message, hint });
  },
};

songInput.addEventListener("change", () => {
  const file = songInput.files?.[0];
  if (file) takeSong(file, sink);
});
acceptDrops(byId("drop-veil"), {
  ...sink,
  song(file) {
    // The file input names what was dropped, as if it had been chosen there.
    const transfer = new DataTransfer();
    transfer.items.add(file);
    songInput.files = transfer.files;
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
  void busy(explain);
});
cancelButton.addEventListener("click", () => {
  cancels++;
  session.cancel();
});
form.addEventListener("change", ({ target }) => {
  const reload = target === modelSelect || (target instanceof HTMLInputElement && target.name === "backend");
  if (!reload) return;
  clearError();
  const file = songFile;
  if (file) void busyWith(file, async () => void (await loadSong(file)));
  else void busy(async () => void (await loadEngine()));
});

void busy(async () => void (await loadEngine()));
