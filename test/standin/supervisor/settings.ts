import { readFileSync } from 'node:fs';

type Values = Readonly<Record<string, string | undefined>>;

/** What this start was told: the contract's variables, and the knobs whose names begin with STANDIN_. */
export class Settings {
  readonly #values: Values;

  constructor(values: Values) {
    this.#values = values;
  }

  /** An empty variable counts as unset, as in the real image. */
  text(name: string, fallback = ''): string {
    return this.#values[name]?.trim() || fallback;
  }

  number(name: string, fallback: number): number {
    const value = Number(this.text(name, String(fallback)));
    return Number.isFinite(value) ? value : fallback;
  }

  isOn(name: string, fallback: boolean): boolean {
    const value = this.text(name)
      .replace(/^["']|["']$/g, '')
      .toLowerCase();
    if (['y', 'yes', 'true', '1', 'on', 'enable', 'enabled'].includes(value)) return true;
    if (['n', 'no', 'none', 'false', '0', 'off', 'disable', 'disabled'].includes(value)) return false;
    return fallback;
  }

  list(name: string): string[] {
    return this.text(name)
      .split(/[\s,]+/)
      .filter(Boolean);
  }

  get kind(): 'stub' | 'qemu' {
    return this.text('STANDIN_KIND') === 'qemu' ? 'qemu' : 'stub';
  }

  get storage(): string {
    return this.text('STORAGE', '/storage');
  }

  hasFault(name: string): boolean {
    return this.list('STANDIN_FAULT').includes(name);
  }

  /** A time of the contract (30 s to boot, 1 s between power button presses...) divided by STANDIN_SPEED. */
  scaledMs(ms: number): number {
    return ms / Math.max(0.001, this.number('STANDIN_SPEED', 1));
  }
}

/** Later files win: a test can turn the knobs of one VM by writing into a folder that the product mounts anyway. */
export function readSettings(env: Values): Settings {
  const storage = env.STORAGE || '/storage';
  const files = ['/oem/standin.env', '/shared/standin.env', `${storage}/standin.env`];
  return new Settings(Object.assign({}, env, ...files.map(readKnobs)));
}

function readKnobs(path: string): Values {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return {};
  }
  const pairs = [...text.matchAll(/^\s*(STANDIN_[A-Z_]+)=(.*)$/gm)];
  return Object.fromEntries(pairs.map(([, key, value]) => [key, value?.trim()]));
}
