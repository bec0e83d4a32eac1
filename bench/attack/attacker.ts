import { attacks } from './attacks.js';
import type { FromAttacker, ToAttacker } from './messages.js';

/** A process that attacks until it is ended. What is refused or cut off is tried again: nobody who attacks gives up. */
process.on('message', ({ attack, target }: ToAttacker) => {
  void attacks[attack].begin(target).then(() => process.send?.({ begun: true } satisfies FromAttacker));
});
process.on('disconnect', () => process.exit());
