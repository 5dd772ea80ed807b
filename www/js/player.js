/**
 * The player: what is heard (the song, a stem, a cell of the heat map, what speaks for a label, or
 * everything but that), and where. Who wants to follow it, or to draw a cursor, watches it.
 */

import { Deck } from "./deck.js";
import { byId, h } from "./dom.js";
import { complement, reach, single, speakingFor, STEMS } from "./evidence.js";
import { clock } from "./format.js";

/** @typedef {import("../types/engine.d.ts").LabelExplanation} LabelExplanation */
/** @typedef {import("../types/engine.d.ts").Track} Track */
/** @typedef {import("../types/engine.d.ts").WindowTracks} WindowTracks */
/** @typedef {import("./deck.js").Loop} Loop */
/**
 * @typedef {object} Source Where sounds come from. What fails there is told there; the player
 *   then stays silent.
 * @property {(name: string) => Promise<Track | undefined>} track "mix" or a stem.
 * @property {(json: string) => Promise<WindowTracks | undefined>} window
 * @property {() => void} withdraw What was asked for is not needed any more.
 */
/**
 * @typedef {object} Moment What is going on, for those who watch.
 * @property {number | undefined} seconds Where it is in the song; undefined for a player that is stopped.
 * @property {boolean} playing
 * @property {Cell | undefined} cell The cell that plays.
 * @property {boolean[][] | undefined} on Which cells are chosen, by stem and segment, where that is the
 *   choice; the same array as long as the choice is the same.
 */
/** @typedef {(moment: Moment) => void} Watcher */
/** @typedef {{stem: string, segment: number}} Cell */
/** @typedef {"track" | "for" | "without" | "cell"} Mode */

/** As many features as the command line's `--listen-top` takes, and the papers' figures show. */
const TOP = 10;

export class Player {
  #panel = byId("listen");
  #play = byId("play", HTMLButtonElement);
  #stop = byId("stop", HTMLButtonElement);
  #hear = byId("hear", HTMLSelectElement);
  #position = byId("position", HTMLInputElement);
  #time = byId("position-text");
  #top = byId("top", HTMLInputElement);
  #topText = byId("top-text");
  #topField = byId("top-field");
  #volume = byId("volume", HTMLInputElement);
  #source;
  #tell;
  /** @type {Deck | undefined} */
  #deck;
  /** @type {Map<Watcher, {element: Element, shown: boolean}>} */
  #watchers = new Map();
  /** @type {{seconds: number, rate: number} | undefined} */
  #song;
  /** @type {Map<string, AudioBuffer>} */
  #tracks = new Map();
  /** @type {{json: string, start: number, end: number, one: LabelExplanation, segments: number} | undefined} */
  #explained;
  /** @type {(Loop & {offset: number}) | undefined} */
  #loop;
  /** @type {Cell | undefined} */
  #cell;
  /** @type {boolean[][]} The cells that are chosen. */
  #on = [];
  /** @type {{base: number, mode: Mode, cell: Cell | undefined} | undefined} What the deck plays, and where that starts in the song. */
  #plays;
  /** @type {number | undefined} Where it goes on, in seconds of the song; undefined for the beginning. */
  #paused;
  /** Counts what was asked for, so that a sound which arrives after another wish is not played. */
  #wish = 0;
  /** Whether a sound that was asked for is still being waited for. */
  #pending = false;
  #dragging = false;

  /**
   * @param {Source} source
   * @param {{error: (error: {message: string, hint: string | null}) => void, clear: () => void}} tell
   */
  constructor(source, tell) {
    this.#source = source;
    this.#tell = tell;
    this.#play.addEventListener("click", () => (this.playing ? this.#pause() : this.#begin()));
    this.#stop.addEventListener("click", () => {
      if (this.#pending) this.#source.withdraw();
      this.stop();
    });
    this.#hear.addEventListener("change", () => this.#choose());
    this.#top.addEventListener("input", () => this.#evidenceChanged());
    this.#volume.addEventListener("input", () => this.#deck?.volume(this.#volume.valueAsNumber / 100));
    this.#position.addEventListener("input", () => {
      this.#dragging = true;
      this.#say(this.#position.valueAsNumber);
    });
    this.#position.addEventListener("change", () => {
      this.#dragging = false;
      this.seek(this.#position.valueAsNumber);
    });
    // Who lets go where they began has changed nothing, which no event tells.
    for (const name of ["pointerup", "blur"]) {
      this.#position.addEventListener(name, () => (this.#dragging = false));
    }
  }

  get playing() {
    return this.#deck?.playing ?? false;
  }

  /**
   * Calls the watcher with every change, until its element has left the page.
   * @param {Watcher} watcher
   * @param {Element} element
   */
  watch(watcher, element) {
    this.#watchers.set(watcher, { element, shown: element.isConnected });
    watcher(this.#moment());
  }

  /** @returns {Moment} */
  #moment() {
    const { playing } = this;
    return {
      seconds: this.#seconds(),
      playing,
      cell: playing && this.#plays?.mode === "cell" ? this.#plays.cell : undefined,
      on: isEvidence(this.#mode()) ? this.#on : undefined,
    };
  }

  /**
   * A song that can be played, or none while one is being read.
   * @param {{seconds: number, rate: number} | undefined} song
   */
  load(song) {
    this.stop();
    this.#song = song;
    this.#tracks.clear();
    this.#panel.hidden = song === undefined;
    if (song && this.#deck && this.#deck.rate !== song.rate) {
      this.#deck.close();
      this.#deck = undefined;
    }
    this.explained(undefined);
  }

  /**
   * Gets the song out of the engine before that is busy for long, so that it can be played then.
   * @param {() => Promise<Track>} get What fails there fails here.
   */
  async prepare(get) {
    const song = this.#song;
    if (!song || this.#tracks.has("mix")) return;
    const { samples, rate } = await get();
    if (song !== this.#song) return;
    try {
      this.#tracks.set("mix", toBuffer(samples, rate));
    } catch {
      // A browser that can't hold sounds: whoever wants to hear one is told so then.
    }
  }

  /**
   * What can be heard of an explanation.
   * @param {{json: string, one: LabelExplanation, start: number, end: number, segments: number} | undefined} explained
   */
  explained(explained) {
    const fresh = explained?.json !== this.#explained?.json;
    if (fresh && this.#mode() !== "track") this.stop();
    this.#explained = explained;
    if (fresh) {
      this.#loop = undefined;
      this.#cell = undefined;
      this.#top.max = String(Math.max(1, explained?.one.features.length ?? 1));
      this.#top.value = String(TOP);
    }
    this.#offer();
    this.#evidenceChanged();
  }

  /**
   * Plays a cell, or stops it if it plays.
   * @param {string} stem
   * @param {number} segment
   */
  toggleCell(stem, segment) {
    if (!this.#explained) {
      this.#tell.error({
        message: "What was explained here is not loaded any more",
        hint: "Choose Explain again",
      });
      return;
    }
    const plays = this.#moment().cell;
    this.stop();
    if (plays?.stem === stem && plays.segment === segment) return;
    this.#cell = { stem, segment };
    this.#offer("cell");
    this.#evidenceChanged();
    this.#begin();
  }

  /**
   * Goes to a moment of the song.
   * @param {number} seconds
   */
  seek(seconds) {
    const { start, end } = this.#span();
    // What is outside of the explained window is only to be heard in the song itself, and a cell
    // always plays from its start.
    if (this.#mode() === "cell" || seconds < start || seconds > end) {
      this.#offer("mix");
      this.#evidenceChanged();
    }
    this.#seekTo(seconds);
  }

  stop() {
    this.#halt(undefined);
  }

  /**
   * Goes silent.
   * @param {number | undefined} at Where to go on from.
   */
  #halt(at) {
    this.#wish++;
    this.#pending = false;
    this.#deck?.stop();
    this.#plays = undefined;
    this.#paused = this.#within(at);
    this.#changed();
  }

  /**
   * The moment, if it is one of those that the choice can be heard at.
   * @param {number | undefined} at
   */
  #within(at) {
    const { start, end } = this.#span();
    return at !== undefined && at >= start && at <= end ? at : undefined;
  }

  /** @param {number | undefined} seconds */
  #seekTo(seconds) {
    const again = this.playing || this.#pending;
    this.#halt(seconds);
    if (again) void this.#begin();
  }

  #pause() {
    this.#halt(this.#plays?.mode === "cell" ? undefined : this.#seconds());
  }

  /** Begins, or goes on. Must run in a user's gesture as far as its first wait. */
  async #begin() {
    const wish = ++this.#wish;
    const song = this.#song;
    if (!song) return;
    this.#tell.clear();
    this.#pending = true;
    this.#changed();
    try {
      this.#deck ??= new Deck(song.rate, () => this.stop());
      this.#deck.volume(this.#volume.valueAsNumber / 100);
      await this.#deck.resume();
      await this.#sound(this.#deck, wish);
      if (wish === this.#wish && this.#pending) this.#halt(this.#paused);
    } catch (thrown) {
      if (wish !== this.#wish) return;
      // Whatever the browser did not let us do, the next try begins afresh.
      this.#deck?.close();
      this.#deck = undefined;
      this.#halt(undefined);
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      this.#tell.error({
        message: `This browser can’t play sound here: ${why}`,
        hint: "Everything else works without it; `musiclime explain --listen` writes the same sounds as files",
      });
    }
  }

  /**
   * Gets what was chosen and plays it, unless something else was asked for in the meantime.
   * @param {Deck} deck
   * @param {number} wish
   */
  async #sound(deck, wish) {
    const mode = this.#mode();
    if (mode === "track") {
      const buffer = await this.#track(this.#hear.value);
      if (!buffer || wish !== this.#wish) return;
      const from = this.#paused ?? 0;
      deck.playTrack(buffer, from < buffer.duration ? from : 0);
      this.#plays = { base: 0, mode, cell: undefined };
    } else {
      const loop = await this.#window();
      if (!loop || wish !== this.#wish) return;
      if (mode === "cell" && this.#cell) {
        const cell = reach(loop.edges, this.#cell.segment, loop.fade);
        deck.playLoop(loop, this.#on, cell.start, cell.end);
      } else {
        const samples = Math.round((this.#paused ?? 0) * deck.rate) - loop.offset;
        const from = samples > 0 && samples < (loop.edges.at(-1) ?? 0) ? samples : 0;
        deck.playLoop(loop, this.#on, from);
      }
      this.#plays = { base: loop.offset / deck.rate, mode, cell: this.#cell };
    }
    this.#pending = false;
    this.#paused = undefined;
    this.#changed();
    this.#follow(wish);
  }

  /** @param {string} name */
  async #track(name) {
    const song = this.#song;
    const known = this.#tracks.get(name);
    if (known || !song) return known;
    const track = await this.#source.track(name);
    if (!track || song !== this.#song) return undefined;
    const buffer = toBuffer(track.samples, track.rate);
    // A whole song takes tens of megabytes: of its stems, only the one that is heard is kept.
    for (const other of this.#tracks.keys()) if (other !== "mix") this.#tracks.delete(other);
    this.#tracks.set(name, buffer);
    return buffer;
  }

  async #window() {
    const explained = this.#explained;
    if (!explained || this.#loop) return this.#loop;
    const found = await this.#source.window(explained.json);
    if (!found || this.#explained?.json !== explained.json) return undefined;
    const { edges, fade, offset, rate } = found;
    this.#loop = { edges, fade, offset, tracks: found.tracks.map((track) => toBuffer(track, rate)) };
    return this.#loop;
  }

  /** @returns {Mode} */
  #mode() {
    const value = this.#hear.value;
    return value === "for" || value === "without" || value === "cell" ? value : "track";
  }

  /** The cells that the choice stands for, by stem and segment. */
  #chosen() {
    const explained = this.#explained;
    if (!explained) return [];
    const { one, segments } = explained;
    if (this.#mode() === "cell" && this.#cell) {
      return single(this.#cell.stem, this.#cell.segment, segments);
    }
    const on = speakingFor(one.features, this.#top.valueAsNumber, segments);
    return this.#mode() === "without" ? complement(on) : on;
  }

  /** The stretch of the song in which the choice is heard, in seconds. */
  #span() {
    if (this.#mode() !== "track" && this.#explained) return this.#explained;
    return { start: 0, end: this.#song?.seconds ?? 0 };
  }

  #seconds() {
    return this.#deck?.playing && this.#plays ? this.#plays.base + this.#deck.position() : this.#paused;
  }

  /** Whether the window plays in a loop, so that other cells of it can be heard without a gap. */
  #looping() {
    return this.playing && this.#plays !== undefined && isEvidence(this.#plays.mode);
  }

  /** Another choice by the list: what plays goes on where it is, as far as it can. */
  #choose() {
    this.#evidenceChanged();
    if (this.#looping() && isEvidence(this.#mode())) return;
    // What is still being waited for is not what is wanted any more.
    if (this.playing || this.#pending) this.#seekTo(this.#seconds());
  }

  /** Fills the list of what can be heard, and chooses from it. */
  #offer(choice = this.#hear.value) {
    const { one, segments } = this.#explained ?? { one: undefined, segments: 0 };
    const sounds = segments > 0 && one?.features.some(({ kind }) => kind === "audio");
    const groups = [
      h(
        "optgroup",
        { label: "All of it" },
        new Option("Original", "mix"),
        ...STEMS.map((stem) => new Option(`${stem[0]?.toUpperCase()}${stem.slice(1)}`, stem)),
      ),
    ];
    if (one && sounds) {
      groups.push(
        h(
          "optgroup",
          { label: "What was explained" },
          new Option(`Only what speaks for ${one.label}`, "for"),
          new Option("Everything but that", "without"),
          this.#cell ? new Option(`One cell: ${this.#cell.stem} ${this.#cell.segment + 1}`, "cell") : null,
        ),
      );
    }
    this.#hear.replaceChildren(...groups);
    this.#hear.value = choice;
    if (this.#hear.selectedIndex < 0) this.#hear.value = "mix";
  }

  /** The choice of cells is another one: it is heard at once. */
  #evidenceChanged() {
    const mode = this.#mode();
    const evidence = isEvidence(mode);
    this.#topField.hidden = !evidence;
    this.#on = this.#chosen();
    this.#paused = this.#within(this.#paused);
    if (evidence && this.#explained) {
      const k = this.#top.valueAsNumber;
      // Those that speak for it are what is on, or with everything but them, what is off.
      const sounds = this.#on.flat().filter((on) => on === (mode === "for")).length;
      const all = this.#explained.one.features.length;
      const said = `${k} of ${all}: ${sounds === 0 ? "no sound" : sounds === 1 ? "1 sound" : `${sounds} sounds`} for it`;
      this.#topText.textContent = said;
      this.#top.setAttribute("aria-valuetext", said);
      if (this.#looping()) this.#deck?.choose(this.#on);
    }
    this.#changed();
  }

  /**
   * Tells everyone again and again, as long as the same thing plays.
   * @param {number} wish
   */
  #follow(wish) {
    if (wish !== this.#wish || !this.playing) return;
    this.#changed();
    requestAnimationFrame(() => this.#follow(wish));
  }

  /** Shows how things are, and tells those who watch. */
  #changed() {
    const moment = this.#moment();
    const { start, end } = this.#span();
    setText(this.#play, moment.playing ? "Pause" : "Play");
    this.#stop.disabled = moment.seconds === undefined && !this.#pending;
    if (!this.#dragging) {
      this.#position.min = String(start);
      this.#position.max = String(end);
      this.#position.value = String(moment.seconds ?? start);
      this.#say(moment.seconds ?? start);
    }
    for (const [watcher, watching] of this.#watchers) {
      if (watching.shown && !watching.element.isConnected) this.#watchers.delete(watcher);
      else watcher(moment);
      watching.shown ||= watching.element.isConnected;
    }
  }

  /** @param {number} seconds */
  #say(seconds) {
    const text = `${clock(seconds, 1)} of ${clock(this.#span().end, 1)}`;
    setText(this.#time, text);
    // Tenths would be read out faster than anybody could listen.
    this.#position.setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(this.#span().end)}`);
  }
}

/** Whether a choice is of cells that the slider decides on. @param {Mode} mode */
const isEvidence = (mode) => mode === "for" || mode === "without";

/**
 * Changes a text only where it differs, since this runs with every frame.
 * @param {HTMLElement} element
 * @param {string} text
 */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {Float32Array<ArrayBuffer>} samples
 * @param {number} rate
 */
function toBuffer(samples, rate) {
  // A buffer can't be empty, and a song of no samples was refused long before.
  const buffer = new AudioBuffer({ length: Math.max(1, samples.length), sampleRate: rate });
  buffer.copyToChannel(samples, 0);
  return buffer;
}
