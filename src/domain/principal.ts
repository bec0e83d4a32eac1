/** What causes changes: a caller of the API, the guest of a machine, or vapiorc's own reconciler. */
export type Actor = 'api' | 'guest' | 'reconciler';

/** Who does something: changes are recorded as theirs, and reads are answered to them. */
export interface Principal {
  readonly actor: Actor;
  /** Stays the same for as long as it is the same one; a guest's is its machine's. */
  readonly id: string;
  /** For people. */
  readonly name: string;
}

/** Whoever reaches the API: nobody is asked who they are. */
export const ANYONE: Principal = { actor: 'api', id: 'anyone', name: 'anyone' };

/** The server that makes the world match the rows. */
export const RECONCILER: Principal = { actor: 'reconciler', id: 'reconciler', name: 'vapiorc' };

/** The guest of a machine, known by the machine's token. */
export const guestOf = (machineId: string): Principal => ({ actor: 'guest', id: machineId, name: 'guest' });

/** The API itself, for callers who are gone. */
export const SERVER: Principal = { actor: 'api', id: 'server', name: 'vapiorc' };

/** Somebody who calls: who they are, and from where. */
export interface Caller {
  readonly principal: Principal;
  /** Those of one address share its limits. */
  readonly address: string;
}

/** What a row says of whoever asked for it. */
export const madeBy = ({ id, name }: Principal) => ({ principalId: id, principalName: name });
