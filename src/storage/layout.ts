import { join } from 'node:path';

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether this may become part of a path: ids are UUIDs and nothing else. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** Where everything lies under the storage folder. The one place where paths are put together. */
export function layoutOf(root: string) {
  const under = (top: string, id: string): string => {
    if (!isId(id)) throw new Error(`not an id: ${JSON.stringify(id.slice(0, 80))}`);
    return join(root, top, id);
  };
  return {
    root,
    deploymentFile: join(root, 'deployment'),
    goldens: join(root, 'golden'),
    installs: join(root, 'installs'),
    vms: join(root, 'vms'),
    trash: join(root, 'trash'),
    /** Exists only once the image is sealed. */
    golden: (id: string) => under('golden', id),
    install: (id: string) => under('installs', id),
    vm: (id: string) => under('vms', id),
  };
}

export type Layout = ReturnType<typeof layoutOf>;
