/**
 * What the two engines (`engine-cpu.js`, `engine-webgpu.js`) offer, as the page relies on it.
 * Both are made from `src/web/`; wasm-bindgen writes their code, this file says what it means.
 */

export type Backend = "cpu" | "webgpu";

/** Every error that an engine throws. */
export interface EngineError {
  kind: "input" | "bundle" | "device" | "cancelled" | "internal";
  message: string;
  hint: string | null;
}

export interface ModelInfo {
  id: string;
  title: string;
  description: string;
  labels: string[];
  task: "multimodal" | "audio" | "lyrics";
  licence: string;
  /** Length of what the model hears, in seconds; null for a model that only reads. */
  seconds: number | null;
  sampling_rate: number;
  separator: string;
  bytes: number;
  /** Floating point operations of one pass of each encoder, in 10^9. */
  gflop: { audio: number; text: number };
}

export interface SongInfo {
  title: string | null;
  artist: string | null;
  seconds: number;
  sha256: string;
  /** The part of the song that the model hears unless the settings say otherwise, in seconds. */
  window: { start: number; end: number };
  /** Smallest and largest sample of consecutive stretches of equal length: min, max, min, max... */
  peaks: Float32Array;
}

/** A whole track of the song, mono at the model's rate. */
export interface Track {
  rate: number;
  samples: Float32Array<ArrayBuffer>;
}

/** The stretch of the song that an explanation is of. All counts are in samples. */
export interface WindowTracks {
  rate: number;
  /** Where it starts in the song. */
  offset: number;
  /** Where its segments start and the last one ends, from the window's start. */
  edges: number[];
  /** How long a stem takes to come or to go. */
  fade: number;
  /** Of the four stems, in the paper's order. */
  tracks: Float32Array<ArrayBuffer>[];
}

export interface TimedLyrics {
  /** The lyrics without times, as all calls of the engine want them. */
  text: string;
  /** When which line is sung, in the order of time; empty for lyrics without times. */
  lines: { start: number; span: [number, number] }[];
}

export interface Word {
  word: string;
  /** Where it stands in the lyrics, in UTF-16 code units, the end excluded. */
  spans: [number, number][];
  /** False when every occurrence lies past the model's token limit. */
  heard: boolean;
}

export interface Settings {
  preset?: "default" | "paper" | "lime";
  labels?: string[];
  top_labels?: number;
  samples?: number;
  segments?: number;
  seed?: number;
  modality?: "both" | "audio" | "lyrics";
  /** Where the window that the model hears begins, in seconds. */
  window_start?: number;
}

export type Stage = "load-model" | "decode" | "separate" | "score" | "fit";

export interface Progress {
  stage: Stage;
  done: number;
  total: number;
}

export interface Prediction {
  label: string;
  probability: number;
}

export interface AudioFeature {
  kind: "audio";
  stem: string;
  segment: number;
  start: number;
  end: number;
  weight: number;
  /** The weight's 90 % confidence interval, where one was estimated. */
  low?: number;
  high?: number;
  /** False when the segment lies past what the model hears. */
  heard?: boolean;
}

export interface WordFeature {
  kind: "word";
  word: string;
  count: number;
  weight: number;
  low?: number;
  high?: number;
  heard?: boolean;
}

export type Feature = AudioFeature | WordFeature;

export interface LabelExplanation {
  label: string;
  intercept: number;
  /** Weighted R² of the surrogate. */
  score: number;
  local_prediction: number;
  features: Feature[];
}

/** The local explanation, schema 1: the JSON that the command line writes as well. */
export interface Explanation {
  schema: number;
  song: { title: string; seconds: number; sha256: string };
  model: { id: string; sha256: string };
  lyrics?: string;
  settings: {
    preset: string;
    samples: number;
    seed: number;
    segments: number;
    modality: string;
    separator: string;
    window: { start: number; end: number };
    /** Seconds at the window's end that are in no segment, as the published method leaves them. */
    dropped_seconds?: number;
    backend: string;
    [more: string]: unknown;
  };
  run: { rows: number; audio_passes: number; text_passes: number; stopped: "budget" | "cancelled" };
  predictions: Prediction[];
  composed?: Prediction[];
  /** What a separator made of the explained stretch; absent where the sound was kept whole. */
  separation?: { shares: { stem: string; share: number }[]; residual: number };
  explanations: LabelExplanation[];
}

/** What is drawn of an explanation, as `musiclime explain --drawing` stores it. */
export interface Drawing {
  explanation: Explanation;
  /** The rate at which the model hears the song. */
  rate: number;
  /** `peaks` as in `SongInfo`. */
  wave: { seconds: number; peaks: number[] };
  lyrics: TimedLyrics;
  words: Word[];
}

export class Engine {
  /** Gets the device; rejects when there is none. */
  static create(): Promise<Engine>;
  backend(): Backend;
  begin_model(bundle_json: string, tokenizer?: Uint8Array): void;
  /** Takes the next bytes of the weights, cut anywhere; returns the fraction that has arrived. */
  push_weights(chunk: Uint8Array): number;
  finish_model(): Promise<ModelInfo>;
  /** Milliseconds of one pass of both encoders, after shaders are compiled. */
  warm_up(): Promise<number>;
  load_song(bytes: Uint8Array, file_name: string, on_progress: (event: Progress) => void): Promise<SongInfo>;
  /** Takes the song apart, unless that was done before. */
  separate(on_progress: (event: Progress) => void): Promise<void>;
  /** "mix", or a stem of a song that was separated. */
  track(name: string): Track;
  window_tracks(explanation: string): WindowTracks;
  timed(lyrics: string): TimedLyrics;
  words(lyrics: string): Word[];
  predict(lyrics: string, settings: Settings): Promise<{ predictions: Prediction[] }>;
  explain(lyrics: string, settings: Settings, on_progress: (event: Progress) => void): Promise<string>;
  /** The running call resolves soon after: `explain` with a partial result, others reject. */
  cancel(): void;
}

/** An engine's module, as `import()` gives it. */
export interface EngineModule {
  default(): Promise<unknown>;
  Engine: typeof Engine;
}
