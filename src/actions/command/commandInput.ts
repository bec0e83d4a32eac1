import { LIMITS } from '../../domain/limits.js';
import { NO_CONTROLS, NO_HALVES, Unfit } from '../input.js';

/** cmd.exe cuts what it reads into lines of 8,191 characters; it puts in what variables hold, so some room is left. */
const LONGEST_LINE = 8_000;
export const LONGEST_DIRECTORY = 240;

/**
 * The text of a batch file, over as many lines as it likes. Control characters have no place in one; most often they are a path whose
 * backslashes were not doubled: "C:\foo" has a form feed in JSON.
 */
export function commandTextOf(given: string): string | Unfit {
  const bad = (fix: string) => new Unfit(fix, given.toWellFormed());
  if (given.trim() === '') return bad('It must not be empty.');
  if (given.length > LIMITS.commandCharacters.value) {
    return bad(
      `Give at most ${LIMITS.commandCharacters.value} characters, not ${given.length}: put a longer script into the VM as a file (PUT …/files/in/…) and run that.`,
    );
  }
  const control = /[^\P{Cc}\t\r\n]/u.exec(given)?.[0];
  if (control !== undefined) {
    const name = `U+${control.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
    return bad(
      `Leave out control characters, here ${name}. A backslash is written twice in JSON and in GraphQL: "C:\\\\foo" is C:\\foo.`,
    );
  }
  if (!given.isWellFormed()) return bad(NO_HALVES);
  const longest = Math.max(...given.split(/\r\n|\r|\n/).map((line) => line.length));
  if (longest > LONGEST_LINE) {
    return bad(
      `A line of it has ${longest} characters; cmd.exe takes lines of up to 8191, so give at most ${LONGEST_LINE}: break the line with ^, or put it into the VM as a file and run that.`,
    );
  }
  return given;
}

/** An absolute path in the guest, on a drive: cmd.exe can not work in a network folder. */
export function workingDirectoryOf(given: string): string | Unfit {
  const bad = (fix: string) => new Unfit(fix, given.toWellFormed());
  if (given.length > LONGEST_DIRECTORY)
    return bad(`Give at most ${LONGEST_DIRECTORY} characters, not ${given.length}.`);
  if (/^[\\/]{2}/.test(given))
    return bad('cmd.exe can not work in a network folder: give a drive, such as Z:\\in for the share.');
  if (!/^[A-Za-z]:[\\/]/.test(given)) return bad('Give an absolute Windows path, such as C:\\work or Z:\\in.');
  if (/["%]/.test(given)) return bad('Leave out " and %.');
  if (/[\p{Cc}]/u.test(given)) return bad(NO_CONTROLS);
  if (!given.isWellFormed()) return bad(NO_HALVES);
  return given;
}
