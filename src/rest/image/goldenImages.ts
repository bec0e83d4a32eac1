import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { markGoldenImageReady } from '../../actions/image/changeGoldenImage.js';
import { createGoldenImage } from '../../actions/image/createGoldenImage.js';
import { Done, done, ok, refusals } from '../../answers/responses.js';
import { estimatesOf } from '../../db/installDurations.js';
import type { EndpointsOf } from '../../domain/endpoints.js';
import { actionContext } from '../actionContext.js';
import { GoldenId } from '../parameters.js';
import { parametersOf, run } from '../verbs.js';
import { GoldenImage, imageView } from './imageView.js';

const tags = ['golden images'];

const list = createRoute({
  method: 'get',
  path: '/api/vms/golden-images',
  tags,
  summary: 'Golden images, with the progress of those that are being installed',
  responses: { 200: ok('Golden images, newest first. Deleted ones are not listed.', z.array(GoldenImage)) },
});

const create = createRoute({
  method: 'post',
  path: '/api/vms/golden-images',
  tags,
  summary: 'Install Windows once, as the next version of its line',
  description:
    'Returns at once; the installation takes about half an hour. When the guest reports that it is done the image is sealed.',
  request: {
    query: parametersOf(createGoldenImage),
  },
  responses: {
    200: ok(
      'The installation is on its way.',
      z
        .object({ golden_id: z.string(), status: z.literal('creating'), message: z.string() })
        .openapi('GoldenImageCreating'),
    ),
    ...refusals(404, 409, 422, 503),
  },
});

const markReady = createRoute({
  method: 'post',
  path: '/api/vms/golden-images/{golden_id}/ready',
  tags,
  summary: 'Say by hand that Windows is installed',
  description:
    "The guest's own report does the same and makes this unnecessary. The image is then shut down, checked and sealed.",
  request: { params: GoldenId },
  responses: { 200: ok('Noted.', Done), ...refusals(404, 409, 422) },
});

export function addGoldenImageRoutes(app: OpenAPIHono, { endpointsOf }: { endpointsOf: EndpointsOf }): void {
  app.openapi(list, async (c) => {
    const { read } = actionContext(c);
    const images = await read((db) =>
      db.goldenImage.findMany({
        where: { status: { not: 'DELETED' } },
        include: { line: true },
        orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      }),
    );
    const moving = images.filter(({ status }) => status === 'INSTALLING' || status === 'SEALING').map(({ id }) => id);
    const estimates = moving.length === 0 ? undefined : await read((db) => estimatesOf(db, moving));
    return c.json(
      images.flatMap((image) => imageView(image, endpointsOf, estimates?.get(image.id)) ?? []),
      200,
    );
  });

  app.openapi(create, async (c) => {
    const image = await run(c, createGoldenImage, c.req.valid('query'));
    const message = `Golden image creation started. It becomes ready by itself; POST /api/vms/golden-images/${image.id}/ready says so by hand.`;
    return c.json({ golden_id: image.id, status: 'creating' as const, message }, 200);
  });

  app.openapi(markReady, async (c) => {
    const image = await run(c, markGoldenImageReady, c.req.valid('param'));
    const message =
      image.status === 'READY' ? 'Golden image is ready' : 'Golden image marked as ready: it is being sealed';
    return c.json(done(message), 200);
  });
}
