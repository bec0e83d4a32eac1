import { mkdir } from 'node:fs/promises';
import { Conflict, Refusal, type Unavailable } from '../domain/errors.js';
import { OEM_BUNDLE_NAME, type OemBundle, type OemBundles, type OemFile } from '../domain/oemBundles.js';
import type { Share, SharePath } from '../domain/share.js';
import type { Layout } from './layout.js';
import { namesIn } from './namesIn.js';
import type { Receptions } from './receptions.js';
import { createShare } from './share.js';
import { discard } from './trash.js';

const PAGE = 1000;

/** Bundles as folders. `claim` is asked before anything is written, which is refused where the storage is another deployment's. */
export function createOemBundles(
  layout: Layout,
  claim: () => Promise<Unavailable | undefined>,
  receptions: Receptions,
): OemBundles {
  const shareOf = (name: string): Share =>
    createShare({ root: layout.oemBundle(name), uploads: layout.oemUploads, durable: true }, receptions);
  async function claimed(): Promise<void> {
    const refusal = await claim();
    if (refusal) throw refusal;
  }

  const bundles: OemBundles = {
    async list() {
      const found: OemBundle[] = [];
      for (const name of (await namesIn(layout.oem)).filter((each) => OEM_BUNDLE_NAME.test(each)).toSorted()) {
        const bundle = await bundles.get(name);
        if (bundle) found.push(bundle);
      }
      return found;
    },

    async get(name) {
      const share = shareOf(name);
      const files: OemFile[] = [];
      for (const top of (await namesIn(layout.oemBundle(name))).toSorted()) files.push(...(await walk(share, [top])));
      return files.length === 0 ? undefined : { name, files };
    },

    files(name) {
      const share = shareOf(name);
      return {
        ...share,
        async write(path, source, order) {
          await claimed();
          await mkdir(layout.oemBundle(name), { recursive: true });
          return share.write(path, source, order);
        },
      };
    },

    async clash(name, path) {
      const lower = path.join('/').toLowerCase();
      const other = (await bundles.get(name))?.files.find((file) => {
        const there = file.path.join('/');
        return there !== path.join('/') && there.toLowerCase() === lower;
      });
      if (other === undefined) return undefined;
      return new Conflict(
        `the bundle has ${JSON.stringify(other.path.join('/'))}, which is the same name to Windows`,
        'Take another name, or remove that file first.',
      );
    },

    async remove(name) {
      await claimed();
      const was = (await bundles.get(name)) !== undefined;
      await discard(layout, layout.oemBundle(name));
      return was;
    },
  };
  return bundles;
}

/** The file at `path`, or all files below it. */
async function walk(share: Share, path: SharePath): Promise<OemFile[]> {
  const found: OemFile[] = [];
  for (let after: string | undefined; ; ) {
    const page = await share.list(path, { limit: PAGE, ...(after !== undefined && { after }) });
    if (page instanceof Conflict) return fileAt(share, path);
    if (page instanceof Refusal) return found; // removed meanwhile
    for (const { name, kind, size, modifiedAt } of page.entries) {
      const below = [...path, name];
      if (kind === 'file') found.push({ path: below, size, modifiedAt });
      else found.push(...(await walk(share, below)));
    }
    if (page.next === null) return found;
    after = page.next;
  }
}

async function fileAt(share: Share, path: SharePath): Promise<OemFile[]> {
  const file = await share.open(path);
  if (file instanceof Refusal) return [];
  await file.close();
  return [{ path, size: file.size, modifiedAt: file.modifiedAt }];
}
