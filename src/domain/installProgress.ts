/** How far the installation of a golden image is, as one number that never goes back, and when it may be done. Pure. */

import { UNPRINTABLE } from '../primitives/unprintable.js';
import type { ImageStatus, InstallPhase } from './image.js';

/**
 * The part of the whole that is each phase's, by what they take of the half hour of a usual Windows 11: minutes 1.5 to
 * pull, 13 to download, 1 to extract, 2.5 to build, 12 of setup, which says nothing, 5 of our own scripts. The last hundredth is
 * the sealing's.
 */
export const SPANS: Record<InstallPhase, readonly [from: number, to: number]> = {
  PULLING: [0, 0.04],
  DOWNLOADING: [0.04, 0.4],
  EXTRACTING: [0.4, 0.43],
  BUILDING: [0.43, 0.5],
  SETUP: [0.5, 0.85],
  CONFIGURING: [0.85, 0.99],
};

/** What an installation takes where none of its vmType has ended yet. */
export const DEFAULT_INSTALL_MS = 35 * 60_000;

const LONGEST_MESSAGE = 1_000;

/** What is heard of an installation: from the image's status page, then from the guest itself. */
export interface InstallNote {
  phase: InstallPhase;
  /** How far the phase is, 0..1; null while nobody says. */
  share: number | null;
  /** For people. May be hostile. */
  message: string;
  /** False: it waits for something, and the time that passes brings it no further. */
  runs?: boolean;
}

/** What a golden image's row says of its installation. */
export interface InstallState {
  phase: InstallPhase | null;
  progress: number | null;
  message: string | null;
  /** When the phase, its own share or the message last changed. */
  progressedAt: Date | null;
}

export interface Advanced {
  phase: InstallPhase;
  progress: number;
  message: string;
  /** Whether the installation itself moved. Time that only passes brings progress, and is no move. */
  moved: boolean;
}

/**
 * The state after a note. `progress` is of the whole, never less than before, and stays within what is the phase's, whatever the note
 * says; where the phase names no share, it creeps with the time, ever slower. Phase and message show what was heard,
 * also where that went back (a download that is tried again). Once the guest's own steps are heard they alone count.
 */
export function advance(state: InstallState, note: InstallNote, now: Date, typicalMs = DEFAULT_INSTALL_MS): Advanced {
  const before = Math.min(1, Math.max(0, state.progress ?? 0));
  const { phase } = note;
  if (state.phase === 'CONFIGURING' && phase !== 'CONFIGURING') {
    return { phase: state.phase, progress: before, message: state.message ?? '', moved: false };
  }
  const message = oneLine(note.message);
  const same = phase === state.phase && message === state.message;
  const [from, to] = SPANS[phase];
  const within =
    note.share === null ? (note.runs === false ? 0 : crept(state, note, same, now, typicalMs)) : bounded(note.share);
  // In steps of a hundredth where nothing but time passes: each one is an event.
  const steps = note.share !== null ? 1000 : same ? 100 : 1_000_000;
  const reached = Math.min(to, Math.max(from, Math.floor((from + (to - from) * within) * steps + 1e-9) / steps));
  const progress = Math.max(before, reached);
  return { phase, progress, message, moved: !same || (note.share !== null && progress > before) };
}

/** The message with the phase's own share, as the image writes it. */
export function withPercent(message: string, share: number | null): string {
  return share === null ? message : `${message} (${Math.round(bounded(share) * 1000) / 10}%)`;
}

/** One line of text from outside: without control characters and what reorders or hides text, and not long. */
export function oneLine(text: string, maxLength = LONGEST_MESSAGE): string {
  return text
    .slice(0, 4 * maxLength)
    .replace(UNPRINTABLE, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, maxLength)
    .replace(/\p{Cs}/gu, '')
    .trimEnd();
}

/** How far the phase is by the time that it takes usually, 0..1. */
function crept(state: InstallState, note: InstallNote, same: boolean, now: Date, typicalMs: number): number {
  if (state.phase !== note.phase || state.progressedAt === null) return 0;
  const [from, to] = SPANS[note.phase];
  const expectedMs = Math.max(1, typicalMs) * (to - from);
  const passed = Math.max(0, now.getTime() - state.progressedAt.getTime()) / expectedMs;
  if (same) return curve(passed);
  // A phase that says something new without a share (an amount of unknown total): on from where it was.
  return curve(curveTime(bounded(((state.progress ?? 0) - from) / (to - from))) + passed);
}

/** Three quarters at an even pace, then ever slower: 0.75 at 0.75, 0.91 at 1, never more than 1. */
function curve(time: number): number {
  return time <= 0.75 ? time : 1 - 0.25 * Math.exp(-(time - 0.75) / 0.25);
}

/** Inverse of `curve`; where nothing is left to creep, late. */
function curveTime(share: number): number {
  return share <= 0.75 ? share : 0.75 - 0.25 * Math.log(Math.max(1e-6, (1 - share) / 0.25));
}

function bounded(share: number): number {
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
}

/** What earlier installations took from the start of their container: half of them less, half of them more. */
export interface InstallDurations {
  /** Until the guest said that all is installed. */
  installMs: number;
  /** Until it was sealed. */
  readyMs: number;
}

/**
 * When an image that is being made may be READY, by earlier ones, and later when this one is slower than they were.
 * Never in the past. Undefined: nothing is known, or nothing is being made.
 */
export function estimateReadyAt(
  image: { status: ImageStatus; startedAt: Date | null; progress: number | null },
  earlier: InstallDurations | undefined,
  now: Date,
): Date | undefined {
  const { status, startedAt } = image;
  if (earlier === undefined || startedAt === null || (status !== 'INSTALLING' && status !== 'SEALING'))
    return undefined;
  const done = status === 'SEALING' ? 1 : bounded(image.progress ?? 0);
  const usual = startedAt.getTime() + earlier.readyMs;
  const atThisPace = now.getTime() + earlier.installMs * (1 - done) + (earlier.readyMs - earlier.installMs);
  // While it is sealed its own pace says nothing: how long it has been sealed already is not looked at.
  return new Date(Math.max(now.getTime(), usual, status === 'SEALING' ? usual : atThisPace));
}
