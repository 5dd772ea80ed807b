/** What the page and the worker say to each other. */

import type {
  Backend,
  EngineError,
  ModelInfo,
  Prediction,
  Progress,
  Settings,
  SongInfo,
  TimedLyrics,
  Track,
  WindowTracks,
  Word,
} from "./engine.d.ts";

type Report = (event: Progress) => void;

/** The calls that the worker answers. */
export interface Calls {
  start(report: Report): Promise<Backend>;
  loadModel(report: Report, folder: string): Promise<ModelInfo>;
  warmUp(report: Report): Promise<number>;
  loadSong(report: Report, bytes: ArrayBuffer, name: string): Promise<SongInfo>;
  separate(report: Report): Promise<void>;
  track(report: Report, name: string): Promise<Track>;
  windowTracks(report: Report, explanation: string): Promise<WindowTracks>;
  timed(report: Report, lyrics: string): Promise<TimedLyrics>;
  words(report: Report, lyrics: string): Promise<Word[]>;
  predict(report: Report, lyrics: string, settings: Settings): Promise<Prediction[]>;
  explain(report: Report, lyrics: string, settings: Settings): Promise<string>;
}

export type Request = { id: number; call: keyof Calls; args: unknown[] } | { cancel: true };

export type Reply =
  | { id: number; value: unknown }
  | { id: number; error: EngineError }
  | { id: number; progress: Progress }
  | { cancelling: true }
  | { crashed: string };
