import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { click } from '../../actions/screen/click.js';
import { screenshot } from '../../actions/screen/screenshot.js';
import { sendKeys } from '../../actions/screen/sendKeys.js';
import { Done, done, jsonRequest, ok, refusals } from '../../answers/responses.js';
import type { Screenshot } from '../../domain/screen.js';
import { GoldenId, InstanceId } from '../parameters.js';
import { bodyOf, run } from '../verbs.js';
import { Holder } from '../vm/heldVm.js';

const tags = ['screens'];

const picture = {
  description: 'The picture.',
  headers: z.object({
    'X-Taken-At': z.string().openapi({ format: 'date-time', description: 'When the screen showed that.' }),
    'X-Width': z.string().openapi({ description: 'Pixels from left to right.' }),
    'X-Height': z.string().openapi({ description: 'Pixels from top to bottom.' }),
  }),
  content: { 'image/png': { schema: z.string().openapi({ format: 'binary' }) } },
};

const MACHINE = ['vmId', 'goldenImageId', 'assignedTo'];
const Keys = bodyOf(sendKeys, MACHINE).openapi('Keys');
const Click = bodyOf(click, MACHINE).openapi('Click');

/** The same for VMs and for golden images. */
const screenOf = { instances: 'a VM', 'golden-images': 'an installation' } as const;
const vm = '/api/vms/instances/{instance_id}' as const;
const image = '/api/vms/golden-images/{golden_id}' as const;

const showVm = createRoute({
  method: 'get',
  path: `${vm}/screenshot`,
  tags,
  summary: `What the screen of ${screenOf.instances} shows now, without any help of its guest`,
  request: { params: InstanceId, query: Holder },
  responses: { 200: picture, ...refusals(404, 409, 422, 503) },
});
const showImage = createRoute({
  method: 'get',
  path: `${image}/screenshot`,
  tags,
  summary: `What ${screenOf['golden-images']} shows now, or showed last`,
  request: { params: GoldenId },
  responses: { 200: picture, ...refusals(404, 409, 422, 503) },
});

const pressing = (whose: string) => ({
  method: 'post' as const,
  tags,
  summary: `Press keys and type text on ${whose}`,
  description: 'Answers when the virtual keyboard has taken them, some 20 ms for each key.',
  responses: { 200: ok('All was taken.', Done), ...refusals(404, 409, 422, 503) },
});
const clicking = (whose: string) => ({
  method: 'post' as const,
  tags,
  summary: `Click on the screen of ${whose}`,
  responses: { 200: ok('The virtual mouse has clicked.', Done), ...refusals(404, 409, 422, 503) },
});

const pressVm = createRoute({
  ...pressing(screenOf.instances),
  path: `${vm}/keys`,
  request: { params: InstanceId, query: Holder, body: jsonRequest(Keys) },
});
const pressImage = createRoute({
  ...pressing(screenOf['golden-images']),
  path: `${image}/keys`,
  request: { params: GoldenId, body: jsonRequest(Keys) },
});
const clickVm = createRoute({
  ...clicking(screenOf.instances),
  path: `${vm}/click`,
  request: { params: InstanceId, query: Holder, body: jsonRequest(Click) },
});
const clickImage = createRoute({
  ...clicking(screenOf['golden-images']),
  path: `${image}/click`,
  request: { params: GoldenId, body: jsonRequest(Click) },
});

export function addScreenRoutes(app: OpenAPIHono): void {
  app.openapi(showVm, async (c) => {
    const shot = await run(c, screenshot, { ...c.req.valid('param'), ...c.req.valid('query') });
    return c.body(...answerOf(shot));
  });
  app.openapi(showImage, async (c) => c.body(...answerOf(await run(c, screenshot, c.req.valid('param')))));

  app.openapi(pressVm, async (c) => {
    await run(c, sendKeys, { ...c.req.valid('param'), ...c.req.valid('query'), ...c.req.valid('json') });
    return c.json(pressed, 200);
  });
  app.openapi(pressImage, async (c) => {
    await run(c, sendKeys, { ...c.req.valid('param'), ...c.req.valid('json') });
    return c.json(pressed, 200);
  });

  app.openapi(clickVm, async (c) => {
    await run(c, click, { ...c.req.valid('param'), ...c.req.valid('query'), ...c.req.valid('json') });
    return c.json(clicked, 200);
  });
  app.openapi(clickImage, async (c) => {
    await run(c, click, { ...c.req.valid('param'), ...c.req.valid('json') });
    return c.json(clicked, 200);
  });
}

const pressed = done('The keys were pressed');
const clicked = done('The mouse was clicked');

function answerOf({ takenAt, width, height, png }: Screenshot) {
  const headers = {
    'Content-Type': 'image/png',
    'X-Taken-At': takenAt.toISOString(),
    'X-Width': String(width),
    'X-Height': String(height),
  };
  return [new Uint8Array(png), 200 as const, headers] as const;
}
