import type { InstallPhase } from '../../../domain/image.js';
import { maskUrls } from '../../../primitives/maskUrls.js';
import type { InstallProgress } from '../../provisioner.js';

/** Longest message that is passed on; the image's own have some 60 characters. */
const MAX_LENGTH = 200;

/** By how the image's message begins. In the order of an installation, as far as there is one. */
const PHASES: [RegExp, InstallPhase][] = [
  [/^(starting|requesting|downloading|retrying|download|failed to download|verifying)\b/i, 'DOWNLOADING'],
  [/^(extracting)\b/i, 'EXTRACTING'],
  [/^(preparing|adding|creating|writing|building|resizing|converting)\b/i, 'BUILDING'],
  [/^(initializing|configuring|booting)\b/i, 'SETUP'],
];

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/**
 * Reads the status page of the guest image (`/msg.html`): an HTML fragment with a message, and behind it in brackets
 * per cent, or an amount where the total is unknown. Undefined when nothing can be read. The text is hostile until proven otherwise.
 */
export function parseStatusPage(html: string): InstallProgress | undefined {
  const shown = html
    .slice(0, 4096)
    .replace(/<[^<>]*>/g, ' ')
    .replace(/&(amp|lt|gt|quot|#39);/g, (_whole, name: string) => ENTITIES[name] ?? '')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ') // control and invisible characters
    .replace(/\s+/g, ' ')
    .trim();
  const text = maskUrls(shown);
  if (text === '') return undefined;
  const percent = / ?\((\d{1,3}(?:\.\d+)?)%\)$/.exec(text);
  // Half a character, as a cut may leave it, is no text for a database.
  const message = (percent ? text.slice(0, percent.index) : text)
    .slice(0, MAX_LENGTH)
    .replace(/\p{Cs}/gu, '')
    .trimEnd();
  return {
    phase: PHASES.find(([begins]) => begins.test(message))?.[1] ?? 'BUILDING',
    progress: percent ? Math.min(1, Math.round(Number(percent[1]) * 10) / 1000) : null,
    message,
  };
}
