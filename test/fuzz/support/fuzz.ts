import fc, { type GeneratorValue } from 'fast-check';

/** Draws values within a property; all draws of a run come again with its seed. */
export class Draw {
  constructor(readonly value: GeneratorValue) {}

  /** From 0 to just below `count`. */
  below = (count: number): number => this.value(fc.nat, { max: count - 1 });
  flip = (): boolean => this.below(2) === 0;
  pick = <T>(from: readonly T[]): T => from[this.below(from.length)] as T;
  /** From 1 to `most` of them. */
  some = <T>(from: readonly T[], most: number): T[] => {
    const left = [...from];
    const count = Math.min(left.length, 1 + this.below(most));
    return Array.from({ length: count }, () => left.splice(this.below(left.length), 1)[0] as T);
  };
  many = <T>(most: number, make: () => T): T[] => Array.from({ length: this.below(most + 1) }, make);
  text = (): string => this.value(texts);
  number = (): number => this.value(numbers);
  anything = (): unknown => this.value(things);
  bytes = (most: number): Uint8Array<ArrayBuffer> => new Uint8Array(this.value(fc.uint8Array, { maxLength: most }));
}

/**
 * Runs a property with ever new values for some seconds: a fresh seed each time, which stands in the failure. VAPIORC_FUZZ_SEED=… and
 * VAPIORC_FUZZ_PATH=… (of the failure) run it again, VAPIORC_FUZZ_SECONDS=… longer.
 */
export async function fuzz(seconds: number, property: (draw: Draw) => Promise<void>): Promise<void> {
  const { VAPIORC_FUZZ_SEED: seed, VAPIORC_FUZZ_PATH: path, VAPIORC_FUZZ_SECONDS: longer } = process.env;
  await fc.assert(
    fc.asyncProperty(fc.gen(), (value) => property(new Draw(value))),
    {
      seed: seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(seed),
      ...(path !== undefined && { path }),
      numRuns: 1_000_000,
      interruptAfterTimeLimit: Number(longer ?? seconds) * 1_000,
    },
  );
}

/** Longer than anything here may take. */
export const ANSWER_MS = 20_000;

/** Texts at the borders of what is taken, and beyond. */
const oddTexts = [
  '',
  ' ',
  '0',
  '-1',
  '11',
  '2022',
  'win11',
  'x\u0000y',
  '\uD800',
  '\u202Eabc',
  '😀',
  '../../etc/passwd',
  "'; DROP TABLE x; --",
  '%s%n%00',
  '[]',
  'null',
  '__proto__',
  'x'.repeat(200),
  'x'.repeat(5_000),
  '9'.repeat(30),
  'NaN',
  '1e400',
  '\r\nX: y',
];

const aText = fc.oneof(
  fc.constantFrom(...oddTexts),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ maxLength: 20 }),
);

const aNumber = fc.oneof(
  fc.constantFrom(
    0,
    1,
    -1,
    2,
    50,
    100,
    101,
    3_600,
    3_601,
    65_535,
    2 ** 31 - 1,
    -(2 ** 31),
    2 ** 31,
    2 ** 53,
    1.5,
    1e308,
    -0,
  ),
  fc.integer(),
);

const anything = fc.anything({
  maxDepth: 2,
  maxKeys: 4,
  values: [aText, aNumber, fc.boolean(), fc.constant(null)],
});

// fast-check remembers what it draws from by these functions.
const texts = () => aText;
const numbers = () => aNumber;
const things = () => anything;
