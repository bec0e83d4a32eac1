/** What bounds what one caller, one guest or all of them together may cost. A limit stands here once, with what is said at it. */
export interface Limit {
  /** What is counted, and of whom; for people. */
  what: string;
  value: number;
  unit: string;
  /** What whoever goes beyond it gets. It comes before the work that the limit bounds. */
  refusal: string;
}

/** Its value as people read it. */
export function shown({ value }: Limit): string {
  return value.toLocaleString('en-US');
}
