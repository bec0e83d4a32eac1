import { Readable } from 'node:stream';
import { Conflict, NotFound } from '../../domain/errors.js';
import type { Event } from '../../domain/events.js';
import type { CommandShare } from '../../domain/share.js';
import { type CallServer, SimulatedGuest } from './simulatedGuest.js';
import { simulatedWindows } from './simulatedWindows.js';

interface Started {
  id: string;
  vmType: string;
  goldenImageId: string;
  token: string;
}

/** The guests of the simulated machines of this process: one for each VM that is up. */
export class SimulatedGuests {
  readonly #guests = new Map<string, SimulatedGuest>();
  readonly #installing = new Set<SimulatedGuest>();

  constructor(readonly call: CallServer) {}

  /** The VM's Windows is up. */
  started(vm: Started): void {
    const guest = this.#guestOf(vm);
    this.#guests.set(vm.id, guest);
    void guest.report('ready');
  }

  /** The installation in this machine is done. */
  installed(image: Omit<Started, 'goldenImageId'>): void {
    const guest = this.#guestOf({ ...image, goldenImageId: image.id });
    this.#installing.add(guest);
    void guest.report('installed').then(() => this.#installing.delete(guest));
  }

  /** The VM is gone, or has crashed. */
  ended(vmId: string): void {
    void this.#guests.get(vmId)?.stop();
    this.#guests.delete(vmId);
  }

  /** Wakes those for whom something waits; the guests of other servers are theirs. */
  see(events: readonly Pick<Event, 'kind' | 'vmId'>[]): void {
    for (const { kind, vmId } of events)
      if (vmId !== null && (kind === 'COMMAND_QUEUED' || kind === 'COMMAND_CANCELLING')) this.#guests.get(vmId)?.wake();
  }

  /** Where the guest of a VM leaves what its commands write; nothing can be put there. */
  share(vmId: string): CommandShare {
    return {
      write: async () => new Conflict('a simulated guest takes no files', 'Its commands come with its calls.'),
      open: async (path) => {
        const [, commandId = '', stream] = path;
        const command = this.#guests.get(vmId)?.command(commandId);
        if (command === undefined || (stream !== 'stdout' && stream !== 'stderr'))
          return new NotFound('file', path.join('/'));
        const bytes = command.beginning(stream);
        return { size: command.size(stream), read: (start, end) => Readable.from([bytes.subarray(start, end)]) };
      },
    };
  }

  /** Resolves when none of them calls the server any more. */
  async stop(): Promise<void> {
    await Promise.all([...this.#guests.values(), ...this.#installing].map((guest) => guest.stop()));
    this.#guests.clear();
  }

  #guestOf({ vmType, goldenImageId, token }: Started): SimulatedGuest {
    return new SimulatedGuest({ token, windows: simulatedWindows(vmType, goldenImageId) }, this.call);
  }
}
