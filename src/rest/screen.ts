import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { clickScreen, type ScreenOf, sendKeys, takeScreenshot } from '../actions/screen.js';
import { shown } from '../domain/limit.js';
import { LIMITS } from '../domain/limits.js';
import { MOUSE_BUTTONS, type Screenshot } from '../domain/screen.js';
import { actionContext } from './actionContext.js';
import { unwrap } from './refusals.js';
import { Done, GoldenId, InstanceId, jsonBody, jsonRequest, ok, refusals, text } from './schemas.js';

const tags = ['screens'];

const Holder = z.object({ assigned_to: text('Refuse when the VM is not assigned to just this.').optional() });

const picture = {
  description: 'The picture.',
  headers: z.object({
    'X-Taken-At': z.string().openapi({ format: 'date-time', description: 'When the screen showed that.' }),
    'X-Width': z.string().openapi({ description: 'Pixels from left to right.' }),
    'X-Height': z.string().openapi({ description: 'Pixels from top to bottom.' }),
  }),
  content: { 'image/png': { schema: z.string().openapi({ format: 'binary' }) } },
};

const Keys = jsonBody({
  keys: z
    .array(z.string())
    .optional()
    .openapi({
      description: `Pressed one after the other, ${shown(LIMITS.keyChords)} at most; several at once are joined by plus signs.`,
      example: ['win+r'],
    }),
  text: z
    .string()
    .optional()
    .openapi({
      description: `Typed after the keys, ${shown(LIMITS.typedCharacters)} characters at most, as on a US keyboard; a line break is Enter. A guest with another keyboard layout reads other characters.`,
    }),
}).openapi('Keys');

const Click = jsonBody({
  x: z.int().openapi({ description: 'Pixels from the left of the screenshot, from 0.' }),
  y: z.int().openapi({ description: 'Pixels from its top, from 0.' }),
  button: z.enum(MOUSE_BUTTONS).default('LEFT'),
  count: z.int().default(1).openapi({ description: '2 for a double click; 3 at most.' }),
}).openapi('Click');

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
  const ofVm = (id: string, assignedTo: string | undefined): ScreenOf => ({ vmId: id, assignedTo });

  app.openapi(showVm, async (c) => {
    const { instance_id } = c.req.valid('param');
    const of = ofVm(instance_id, c.req.valid('query').assigned_to);
    return c.body(...answerOf(unwrap(await takeScreenshot(actionContext(c), of))));
  });
  app.openapi(showImage, async (c) => {
    const goldenImageId = c.req.valid('param').golden_id;
    return c.body(...answerOf(unwrap(await takeScreenshot(actionContext(c), { goldenImageId }))));
  });

  app.openapi(pressVm, async (c) => {
    const { instance_id } = c.req.valid('param');
    unwrap(await sendKeys(actionContext(c), ofVm(instance_id, c.req.valid('query').assigned_to), c.req.valid('json')));
    return c.json(pressed, 200);
  });
  app.openapi(pressImage, async (c) => {
    unwrap(await sendKeys(actionContext(c), { goldenImageId: c.req.valid('param').golden_id }, c.req.valid('json')));
    return c.json(pressed, 200);
  });

  app.openapi(clickVm, async (c) => {
    const { instance_id } = c.req.valid('param');
    unwrap(
      await clickScreen(actionContext(c), ofVm(instance_id, c.req.valid('query').assigned_to), c.req.valid('json')),
    );
    return c.json(clicked, 200);
  });
  app.openapi(clickImage, async (c) => {
    unwrap(await clickScreen(actionContext(c), { goldenImageId: c.req.valid('param').golden_id }, c.req.valid('json')));
    return c.json(clicked, 200);
  });
}

const pressed = { status: 'success' as const, message: 'The keys were pressed' };
const clicked = { status: 'success' as const, message: 'The mouse was clicked' };

function answerOf({ takenAt, width, height, png }: Screenshot) {
  const headers = {
    'Content-Type': 'image/png',
    'X-Taken-At': takenAt.toISOString(),
    'X-Width': String(width),
    'X-Height': String(height),
  };
  return [new Uint8Array(png), 200 as const, headers] as const;
}
