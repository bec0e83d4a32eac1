import type { Db } from '../db/client.js';
import { noteGuest } from '../db/guests.js';
import type { GoldenImage } from '../db/images.js';
import type { Write } from '../db/write.js';
import { LIMITS } from '../domain/limits.js';
import { reportInstalled } from '../transitions/reportGuest.js';
import { type AdmitRules, admitGuest } from './admitGuest.js';
import type { GuestAnswer, GuestCall } from './guestCall.js';
import { type GuestMessage, parseGuestReport } from './guestReport.js';
import { reportInstallFailed } from './reportInstallFailed.js';

/** An agent that does not name its start can not be asked to do anything. */
const NO_SESSION = '';

/** `ready`: who the guest is, at every start of the agent. */
export function readyCall({ db, ...rules }: AdmitRules & { db: Db }): GuestCall {
  return {
    maxBodyBytes: LIMITS.guestBodyBytes.value,
    async answer({ vm, image, write }, body) {
      const now = db.clock.now();
      const message = parseGuestReport(body);
      if ('malformed' in message) return message;
      if (image) return noteInstallation(write, image, message, now);
      // Its golden image's agent, which does not know yet that it was cloned.
      if (message.phase !== 'ready') return { do: 'ok' };
      const { session = NO_SESSION, facts, clock } = message;
      const admission = await admitGuest({ ...rules, write }, vm.id, { session, facts, clock }, now);
      if (admission === 'over') return 'over';
      return admission.do === 'sync' ? { do: 'sync', time: db.clock.now().getTime() } : admission;
    },
  };
}

async function noteInstallation(
  write: Write,
  { id }: GoldenImage,
  { phase, session = NO_SESSION, facts, clock, step, reason }: GuestMessage,
  now: Date,
): Promise<GuestAnswer> {
  const clockSkewMs = clock && clock.getTime() - now.getTime();
  await write((tx) => noteGuest(tx, id, session, { ...facts, clockSkewMs }));
  if (phase === 'failed') await reportInstallFailed({ write }, id, { step, reason });
  if (phase === 'installed') {
    const report = await reportInstalled({ write }, id, facts);
    if (report === 'gone' || report === 'unknown') return 'over';
  }
  return { do: 'ok' };
}
