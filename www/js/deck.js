/**
 * What plays: one AudioContext, and in it either a whole track or the four stems of the explained
 * window in a loop. The stems always run together; which cells of theirs are heard is decided by a
 * second, silent sound for each stem: its gain over the window, which runs in the same loop and
 * drives the stem's volume sample by sample. Another choice exchanges those, and nothing restarts.
 */

import { envelope } from "./evidence.js";

/**
 * @typedef {object} Loop The explained window, ready to be played.
 * @property {AudioBuffer[]} tracks
 * @property {number[]} edges In samples.
 * @property {number} fade In samples.
 */

/**
 * @typedef {object} Programme What plays now.
 * @property {GainNode} gate Opens and closes softly.
 * @property {AudioScheduledSourceNode[]} sources
 * @property {number} began When it started, by the context's clock.
 * @property {number} from Where in the sound it started, in seconds.
 * @property {number} until Where it ends or starts over, in seconds.
 * @property {boolean} loops
 * @property {Voice[]} voices
 * @property {Loop} [loop]
 */

/**
 * @typedef {object} Voice A stem and what drives its volume.
 * @property {GainNode} volume
 * @property {string} key The flags that are heard.
 * @property {{source: AudioBufferSourceNode, fader: GainNode} | undefined} envelope
 */

/** How long the page's own switches take, in seconds: as in `src/audio/evidence.rs`. */
const FADE = 0.01;

/** Things that start together are told to start this much later, so that all of them can make it. */
const LEAD = 0.04;

/** How long the audio thread is kept awake after the last sound, in milliseconds. */
const REST_AFTER_MS = 2000;

/** What the audio thread renders at once, in samples. */
const QUANTUM = 128;

export class Deck {
  #context;
  #volume;
  /** @type {Programme | undefined} */
  #now;
  /** @type {ReturnType<typeof setTimeout> | undefined} For the choice that waits for the last exchange to be over. */
  #timer;
  #settled = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} For the rest after the last sound. */
  #tired;
  /** @type {Promise<void> | undefined} */
  #suspending;
  #ended;

  /**
   * @param {number} rate Of the tracks; the context takes it on, so that nothing is resampled twice.
   * @param {() => void} ended Called when something has played to its end.
   */
  constructor(rate, ended) {
    this.rate = rate;
    this.#ended = ended;
    this.#context = open(rate);
    this.#volume = new GainNode(this.#context);
    this.#volume.connect(this.#context.destination);
  }

  /** To be called in a user's gesture, before which browsers stay silent. */
  async resume() {
    clearTimeout(this.#tired);
    // One that overtakes a suspend could be undone by it.
    if (this.#suspending) await this.#suspending;
    await this.#context.resume();
  }

  /** Lets the audio thread sleep if nothing is played for a while; `resume` wakes it. */
  #rest() {
    clearTimeout(this.#tired);
    this.#tired = setTimeout(() => {
      if (this.#now) return;
      this.#suspending = this.#context
        .suspend()
        .catch(() => {})
        .finally(() => (this.#suspending = undefined));
    }, REST_AFTER_MS);
  }

  /** @param {number} level 0 to 1, as it is heard: half is half as loud. */
  volume(level) {
    // Loudness doubles with every 10 dB, which is amplitude to the power of 5/3.
    this.#volume.gain.setTargetAtTime(level ** (5 / 3), this.#context.currentTime, FADE / 3);
  }

  get playing() {
    return this.#now !== undefined;
  }

  /** Where it plays, in seconds from the sound's start. */
  position() {
    if (!this.#now) return 0;
    const { began, from, until, loops } = this.#now;
    const latency = this.#context.outputLatency || 0;
    const at = from + Math.max(0, this.#context.currentTime - latency - began);
    return loops ? at % until : Math.min(at, until);
  }

  /**
   * Plays a track from a position to its end.
   * @param {AudioBuffer} buffer
   * @param {number} from In seconds.
   */
  playTrack(buffer, from) {
    this.stop();
    const gate = new GainNode(this.#context, { gain: 0 });
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(gate).connect(this.#volume);
    const began = this.#frame(this.#context.currentTime + LEAD);
    source.start(began, from);
    openGate(gate, began, from > 0);
    this.#now = {
      gate,
      sources: [source],
      began,
      from,
      until: buffer.duration,
      loops: false,
      voices: [],
    };
    this.#endWith(source);
  }

  /**
   * Plays what is on of the window, again and again, or a stretch of it once.
   * @param {Loop} loop
   * @param {boolean[][]} on
   * @param {number} from In samples.
   * @param {number} [until] Where to end, in samples; without it the window is looped.
   */
  playLoop(loop, on, from, until) {
    this.stop();
    const context = this.#context;
    const rate = this.rate;
    const gate = new GainNode(context, { gain: 0 });
    gate.connect(this.#volume);
    const loops = until === undefined;
    const end = until ?? loop.edges.at(-1) ?? 0;
    const { began, made: tracks } = this.#together((when) =>
      loop.tracks.map((buffer) => started(context, { buffer, loop: loops }, when, from / rate)),
    );
    const voices = tracks.map((track) => {
      const volume = new GainNode(context, { gain: 0 });
      track.connect(volume).connect(gate);
      return /** @type {Voice} */ ({ volume, key: "", envelope: undefined });
    });
    // A rendition starts softly by itself; in its middle the gate has to see to that.
    openGate(gate, began, loops && from > 0);
    this.#now = {
      gate,
      sources: tracks,
      began,
      from: from / rate,
      until: end / rate,
      loops,
      voices,
      loop,
    };
    this.#exchange(on, 0);
    if (loops) return;
    for (const track of tracks) track.stop(began + (end - from) / rate);
    const first = tracks[0];
    if (first) this.#endWith(first);
  }

  /**
   * Lets other cells of the window be heard, from now on and without a gap.
   * @param {boolean[][]} on
   */
  choose(on) {
    if (!this.#now?.loop) return;
    clearTimeout(this.#timer);
    // Two exchanges at once would need three gains for a stem; the last wish is what counts.
    const wait = this.#settled - this.#context.currentTime;
    if (wait > 0) this.#timer = setTimeout(() => this.choose(on), 1000 * wait);
    else this.#exchange(on, FADE);
  }

  /** Goes silent, softly. */
  stop() {
    clearTimeout(this.#timer);
    this.#rest();
    const now = this.#now;
    if (!now) return;
    this.#now = undefined;
    const time = this.#context.currentTime;
    now.gate.gain.cancelScheduledValues(time);
    now.gate.gain.setTargetAtTime(0, time, FADE / 3);
    // After three fades nothing is left of an exponential one that could click.
    const over = time + 3 * FADE;
    for (const source of now.sources) {
      source.onended = null;
      source.stop(over);
    }
    for (const { envelope } of now.voices) envelope?.source.stop(over);
    setTimeout(() => now.gate.disconnect(), 1000 * (over - time) + 200);
  }

  close() {
    this.stop();
    clearTimeout(this.#tired);
    // What is cut off clicks; what fades out, perhaps since just before, is over by then.
    setTimeout(() => void this.#context.close(), 3000 * FADE + 200);
  }

  /**
   * @param {boolean[][]} on
   * @param {number} fade How long it takes, in seconds.
   */
  #exchange(on, fade) {
    const now = this.#now;
    const loop = now?.loop;
    if (!now || !loop) return;
    const changed = now.voices.flatMap((voice, at) => {
      const row = on[at] ?? [];
      const key = row.map(Number).join("");
      if (key === voice.key) return [];
      return [{ voice, key, buffer: row.includes(true) ? this.#gains(loop, row) : undefined }];
    });
    if (changed.length === 0) return;
    const { began, made } = this.#together(
      (when) =>
        changed.map(({ buffer }) => {
          if (!buffer) return undefined;
          const frames = Math.round((now.from + when - now.began) * this.rate) % buffer.length;
          return started(this.#context, { buffer, loop: now.loops }, when, frames / this.rate);
        }),
      fade === 0 ? now.began : undefined,
    );
    changed.forEach(({ voice, key }, at) => {
      const source = made[at];
      const before = voice.envelope;
      voice.key = key;
      voice.envelope = undefined;
      if (before) {
        slide(before.fader.gain, 1, 0, began, fade);
        before.source.stop(began + fade);
      }
      if (!source) return;
      const fader = new GainNode(this.#context, { gain: 0 });
      source.connect(fader).connect(voice.volume.gain);
      slide(fader.gain, 0, 1, began, fade);
      voice.envelope = { source, fader };
    });
    this.#settled = began + fade;
  }

  /**
   * @param {Loop} loop
   * @param {boolean[]} row
   */
  #gains(loop, row) {
    const gains = envelope(loop.edges, row, loop.fade);
    const buffer = new AudioBuffer({ length: gains.length, sampleRate: this.rate });
    buffer.copyToChannel(gains, 0);
    return buffer;
  }

  /**
   * Starts sources at one and the same sample. A source that is told too late starts at once, and
   * would run behind the others for ever; so if the clock has passed the moment by the time that
   * all are told, they are told again, with more time.
   * @template {AudioBufferSourceNode | undefined} S
   * @param {(when: number) => S[]} start
   * @param {number} [moment] A moment that others have been told already.
   * @returns {{began: number, made: S[]}}
   */
  #together(start, moment) {
    const late = (/** @type {number} */ when) => this.#context.currentTime + QUANTUM / this.rate >= when;
    if (moment !== undefined && !late(moment)) {
      const made = start(moment);
      if (!late(moment)) return { began: moment, made };
      for (const source of made) source?.stop();
    }
    for (let lead = LEAD; ; lead *= 2) {
      const began = this.#frame(this.#context.currentTime + lead);
      const made = start(began);
      if (!late(began) || lead > 1) return { began, made };
      for (const source of made) source?.stop();
    }
  }

  /**
   * The moment at which a whole sample begins.
   * @param {number} time
   */
  #frame(time) {
    return Math.ceil(time * this.#context.sampleRate) / this.#context.sampleRate;
  }

  /** @param {AudioScheduledSourceNode} source */
  #endWith(source) {
    const programme = this.#now;
    source.onended = () => {
      if (this.#now !== programme) return;
      this.#now = undefined;
      programme?.gate.disconnect();
      this.#rest();
      this.#ended();
    };
  }
}

/** @param {number} rate */
function open(rate) {
  if (typeof AudioContext === "undefined") throw new Error("it knows no Web Audio");
  try {
    return new AudioContext({ sampleRate: rate });
  } catch {
    // Some devices have one rate only; the browser then resamples what is played.
    return new AudioContext();
  }
}

/**
 * @param {AudioContext} context
 * @param {AudioBufferSourceOptions} options
 * @param {number} when
 * @param {number} offset
 */
function started(context, options, when, offset) {
  const source = new AudioBufferSourceNode(context, options);
  source.start(when, offset);
  return source;
}

/**
 * @param {GainNode} gate
 * @param {number} when
 * @param {boolean} softly
 */
function openGate({ gain }, when, softly) {
  slide(gain, 0, 1, when, softly ? FADE : 0);
}

/**
 * @param {AudioParam} param
 * @param {number} from
 * @param {number} to
 * @param {number} when
 * @param {number} fade
 */
function slide(param, from, to, when, fade) {
  param.setValueAtTime(fade > 0 ? from : to, when);
  if (fade > 0) param.linearRampToValueAtTime(to, when + fade);
}
