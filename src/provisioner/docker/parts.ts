import type PQueue from 'p-queue';
import type { Logger } from '../../log.js';
import type { KeyedLock } from '../../primitives/keyedLock.js';
import type { Storage } from '../../storage/storage.js';
import type { Engine } from './engine/engine.js';
import type { Images } from './images.js';
import type { Machines } from './machines.js';
import type { HostPaths } from './paths/hostPaths.js';
import type { Room } from './room.js';
import type { DockerSettings } from './settings.js';
import type { Tools } from './tools.js';

/** What the operations of the Docker provisioner work with; put together in docker.ts. */
export interface Parts {
  engine: Engine;
  settings: DockerSettings;
  deployment: string;
  storage: Storage;
  hostPaths: HostPaths;
  images: Images;
  machines: Machines;
  tools: Tools;
  room: Room;
  /** Limits how many machines start at the same time: on a busy host the firmware would miss its 30 s. */
  starts: PQueue;
  /** One operation at a time on each machine. */
  lock: KeyedLock;
  log: Logger;
}
