/** Ends the container with `code` after an ERROR line, as each check of the real image does. */
export class Failure extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}
