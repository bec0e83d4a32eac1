import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startNginx } from '../support/nginx.js';
import { aPool } from '../support/rows.js';
import type { RunningProxy } from '../support/runProxy.js';
import { startWorld, type World } from '../support/world.js';

const CHROMIUM = '/usr/bin/chromium';

let world: World;
let browser: Browser;
let proxy: RunningProxy;

beforeAll(async () => {
  world = await startWorld();
  proxy = await startNginx(world.url);
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});
afterAll(async () => {
  await browser?.close();
  await proxy?.stop();
  await world.close();
});

/** A page that notes every address it asks for and every complaint of the browser. */
async function openPage(path: string, base = world.url) {
  const page = await browser.newPage();
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(`${base}${path}`);
  return { page, asked, complaints };
}

const foreign = (asked: string[]) =>
  asked.filter((url) => !url.startsWith(`${world.url}/`) && !url.startsWith('data:'));

test.each(['/docs', '/docs/'])('%s shows every operation and asks nobody else for anything', async (path) => {
  const { page, asked, complaints } = await openPage(path);

  await page.locator('.opblock').first().waitFor();

  const { paths } = (await (await fetch(`${world.url}/openapi.json`)).json()) as { paths: Record<string, object> };
  expect(await page.locator('.opblock').count()).toBe(Object.values(paths).flatMap(Object.keys).length);
  expect(await page.locator('.opblock-summary-path').allInnerTexts()).toContain('/api/vms/assign');
  expect(foreign(asked)).toEqual([]);
  expect(complaints).toEqual([]);
  await page.close();
});

test.each(['/docs', '/docs/'])('%s works below a path of a proxy', async (path) => {
  const { page, asked, complaints } = await openPage(path, proxy.below);

  await page.locator('.opblock').first().waitFor();

  expect(asked.filter((url) => !url.startsWith(`${proxy.below}/`) && !url.startsWith('data:'))).toEqual([]);
  expect(complaints).toEqual([]);
  await page.close();
});

test('a route can be tried out from the page', async () => {
  await aPool(world.db);
  const { page, asked, complaints } = await openPage('/docs');
  const block = page.locator('.opblock-post', { hasText: '/api/vms/hot-spares/ensure' });

  await block.locator('.opblock-summary-control').click();
  await block.getByRole('button', { name: 'Try it out' }).click();
  await block.getByPlaceholder('vm_type').fill('11');
  await block.getByRole('button', { name: 'Execute' }).click();
  await block.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();

  expect(foreign(asked)).toEqual([]);
  expect(complaints).toEqual([]);
  await page.close();
});

test('the index leads there', async () => {
  const { page, complaints } = await openPage('/');

  await page.getByRole('link', { name: 'REST API' }).click();
  await page.locator('.opblock').first().waitFor();

  expect(complaints).toEqual([]);
  await page.close();
});
