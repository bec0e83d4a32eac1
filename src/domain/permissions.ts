/** What one may be allowed to do; each action names one. */
export const PERMISSIONS = [
  'vm:assign',
  'vm:create',
  'vm:release',
  'command:run',
  'file:read',
  'file:write',
  'screen:see',
  'screen:use',
  'image:manage',
  'pool:manage',
] as const;
export type Permission = (typeof PERMISSIONS)[number];
