import { noteInstallStep } from '../commands/noteProgress.js';
import type { Write } from '../db/write.js';
import { FACT, parseGuestBody, wholeNumber } from './guestBody.js';
import { type GuestCall, SMALL_BODY_BYTES } from './guestCall.js';

const RULES = new Map([
  ['step', FACT],
  ['done', wholeNumber(6)],
  ['of', wholeNumber(6)],
]);

/** `progress`: how far an installation is. Of no meaning from a VM. */
export function progressCall(deps: { write: Write }): GuestCall {
  return {
    maxBodyBytes: SMALL_BODY_BYTES,
    async answer({ image }, body) {
      const values = parseGuestBody(body, (key) => RULES.get(key));
      if ('malformed' in values) return values;
      if (!image) return { do: 'ok' };
      const [done, of] = [Number(values.get('done') ?? 0), Number(values.get('of') ?? 0)];
      await noteInstallStep(deps, image.id, { step: values.get('step') ?? '', done: Math.min(done, of), of });
      return { do: 'ok' };
    },
  };
}
