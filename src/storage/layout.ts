import { join } from 'node:path';
import { OEM_BUNDLE_NAME } from '../domain/oemBundles.js';

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
    oem: join(root, 'oem'),
    /** No bundle is called so. */
    oemUploads: join(root, 'oem', '.uploads'),
    /** Exists only once the image is sealed. */
    golden: (id: string) => under('golden', id),
    install: (id: string) => under('installs', id),
    vm: (id: string) => under('vms', id),
    oemBundle: (name: string) => {
      if (!OEM_BUNDLE_NAME.test(name)) throw new Error(`not a bundle: ${JSON.stringify(name.slice(0, 80))}`);
      return join(root, 'oem', name);
    },
  };
}

export type Layout = ReturnType<typeof layoutOf>;
