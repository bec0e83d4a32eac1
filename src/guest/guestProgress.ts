import { LIMITS } from '../domain/limits.js';
import { noteInstallStep } from '../transitions/noteProgress.js';
import { FACT, parseGuestBody, upToDigits } from './guestBody.js';
import type { GuestCall } from './guestCall.js';
import { RateLimit } from './rateLimit.js';

const RULES = new Map([
  ['step', FACT],
  ['done', upToDigits(6)],
  ['of', upToDigits(6)],
]);

/** More than install.bat has. */
const STEPS_AT_ONCE = 100;

/** `progress`: how far an installation is. Of no meaning from a VM. Steps that come too fast for people are lost. */
export function progressCall(): GuestCall {
  const limit = new RateLimit(LIMITS.guestStepsPerSecond.value, undefined, undefined, STEPS_AT_ONCE);
  return {
    maxBodyBytes: LIMITS.guestBodyBytes.value,
    async answer({ image, write }, body) {
      const values = parseGuestBody(body, (key) => RULES.get(key));
      if ('malformed' in values) return values;
      if (!image || !limit.allows(image.id)) return { do: 'ok' };
      const [done, of] = [Number(values.get('done') ?? 0), Number(values.get('of') ?? 0)];
      await noteInstallStep({ write }, image.id, { step: values.get('step') ?? '', done: Math.min(done, of), of });
      return { do: 'ok' };
    },
  };
}
