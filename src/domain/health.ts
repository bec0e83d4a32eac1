/** How the parts are. */
export type PartStatus = 'OK' | 'DEGRADED' | 'DOWN';

export interface PartHealth {
  status: PartStatus;
  /** What was found and, where it is not OK, the fix. */
  message: string;
}

export interface HealthReport {
  /** The worst of the parts; only a database that is away makes all of it DOWN. */
  status: PartStatus;
  version: string;
  database: PartHealth;
  bus: PartHealth;
  provisioner: PartHealth;
  storage: PartHealth;
  /** Whether guests can reach this server. */
  guests: PartHealth;
}

/** Without its database nothing works; without another part, what does not need it still does. */
export function overall(parts: Omit<HealthReport, 'status' | 'version'>): PartStatus {
  if (parts.database.status === 'DOWN') return 'DOWN';
  return Object.values(parts).every((part: PartHealth) => part.status === 'OK') ? 'OK' : 'DEGRADED';
}
