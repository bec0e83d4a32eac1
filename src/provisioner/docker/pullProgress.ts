import type { InstallProgress } from '../provisioner.js';

interface PullLine {
  id?: string | undefined;
  status?: string | undefined;
  progressDetail?: { current?: number | undefined; total?: number | undefined } | undefined;
}

/** Adds up what the engine says of each layer of an image that it pulls. */
export class PullProgress {
  readonly #layers = new Map<string, { current: number; total: number; done: boolean }>();
  #shown = 0;

  constructor(readonly image: string) {}

  take({ id, status, progressDetail }: PullLine): void {
    if (!id || !status) return;
    const layer = this.#layers.get(id) ?? { current: 0, total: 0, done: false };
    if (/^(Pull complete|Already exists|Download complete)$/.test(status)) {
      layer.done = true;
      layer.current = layer.total;
    } else if (status === 'Downloading' && progressDetail?.total) {
      layer.total = progressDetail.total;
      layer.current = Math.min(progressDetail.current ?? 0, layer.total);
    } else if (!/^(Pulling fs layer|Waiting|Downloading|Verifying Checksum|Extracting)$/.test(status)) {
      return; // "Pulling from ...", "Digest: ...": not about a layer
    }
    this.#layers.set(id, layer);
  }

  /** Never goes back, although the sum of what is to come grows as the engine learns of it. */
  show(): InstallProgress {
    const layers = [...this.#layers.values()];
    const total = layers.reduce((sum, layer) => sum + layer.total, 0);
    const current = layers.reduce((sum, layer) => sum + layer.current, 0);
    const done = layers.filter((layer) => layer.done).length;
    if (total > 0) this.#shown = Math.max(this.#shown, current / total);
    return {
      phase: 'PULLING',
      progress: total > 0 ? this.#shown : null,
      message: `Pulling ${this.image}: ${done} of ${layers.length} layers`.slice(0, 200),
    };
  }
}
