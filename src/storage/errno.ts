/** The system's code of a fault ("ENOENT"), or undefined when it is something else. */
export function errno(fault: unknown): string | undefined {
  return fault instanceof Error && 'code' in fault && typeof fault.code === 'string' ? fault.code : undefined;
}
