import { z } from 'zod';
import { Unavailable } from '../../domain/errors.js';
import type { InstallProgress } from '../provisioner.js';
import { type Engine, unlessGone } from './engine/engine.js';
import { jsonLines } from './engine/jsonLines.js';
import { PullProgress } from './pullProgress.js';

const Line = z.object({
  id: z.string().optional(),
  status: z.string().optional(),
  progressDetail: z.object({ current: z.number().optional(), total: z.number().optional() }).optional(),
  error: z.string().optional(),
});

/** A pull that says nothing for so long is stuck. */
const SILENCE_LIMIT_MS = 10 * 60_000;

type OnProgress = (progress: InstallProgress) => void;

/** The container images on the Docker host. Whoever asks for one that is being pulled shares that pull. */
export class Images {
  readonly #pulls = new Map<string, { listeners: Set<OnProgress>; done: Promise<void> }>();

  constructor(readonly engine: Engine) {}

  async has(image: string): Promise<boolean> {
    return (await unlessGone(this.engine.getImage(image).inspect())) !== undefined;
  }

  /** Pulls the image unless it is there. @throws the engine's words when that fails. */
  async ensure(image: string, onProgress: OnProgress = () => {}): Promise<void> {
    if (await this.has(image)) return;
    let pull = this.#pulls.get(image);
    if (!pull) {
      const listeners = new Set<OnProgress>();
      const done = this.#pull(image, listeners).finally(() => this.#pulls.delete(image));
      pull = { listeners, done };
      this.#pulls.set(image, pull);
    }
    pull.listeners.add(onProgress);
    try {
      await pull.done;
    } finally {
      pull.listeners.delete(onProgress);
    }
  }

  async #pull(image: string, listeners: Set<OnProgress>): Promise<void> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(silent(image)), SILENCE_LIMIT_MS);
    try {
      const stream = await this.engine.pull(withTag(image), { abortSignal: silence.signal });
      const progress = new PullProgress(image);
      for await (const value of jsonLines(stream)) {
        timer.refresh();
        const line = Line.safeParse(value);
        if (!line.success) continue;
        // The engine has answered 200 by then, so a failure is a line as well.
        if (line.data.error !== undefined) throw Object.assign(new Error(line.data.error), { statusCode: 500 });
        progress.take(line.data);
        for (const listener of listeners) listener(progress.show());
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

function silent(image: string): Unavailable {
  return new Unavailable(
    'image',
    `nothing came of the container image ${image} for ${SILENCE_LIMIT_MS / 60_000} min`,
    'Check the way to the registry, or load the image on the Docker host.',
  );
}

/** Without a tag the engine would pull every one that there is. */
function withTag(image: string): string {
  return /[:@]/.test(image.slice(image.lastIndexOf('/') + 1)) ? image : `${image}:latest`;
}
