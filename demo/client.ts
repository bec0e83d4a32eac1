/**
 * The caller's part of the demo: a program of its own that knows nothing but the server's address, and shows what it sends.
 * It speaks GraphQL over HTTP, and reads subscriptions as server-sent events (any client of graphql-sse or graphql-ws will do).
 */
import { createClient } from 'graphql-sse';
import { show, showLines, showOperation, showStep, takeLine } from './show.js';

process.stdout.on('error', () => process.exit(1)); // nobody reads on
const url = `${process.argv[2]}/graphql`;
const events = createClient({ url, retryAttempts: 0 });

interface Refusable {
  message?: string;
  fix?: string;
}
interface Event {
  cursor: string;
  kind: string;
  vmId: string | null;
  data: { commandId?: string };
}

/** Sends one query or mutation, shown as it is sent, and answers its one field. */
async function ask<T>(operation: string): Promise<T> {
  showOperation(operation);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: operation }),
    signal: AbortSignal.timeout(60_000),
  });
  const { data, errors } = (await response.json()) as { data?: Record<string, T & Refusable>; errors?: unknown };
  const [answer] = Object.values(data ?? {});
  if (errors || answer == null) throw new Error(`${response.status} ${JSON.stringify(errors)}`);
  if (answer.fix !== undefined) throw new Error(`${answer.message} ${answer.fix}`); // a refusal says what to do
  return answer;
}

/** Follows a subscription until `isLast` says so; leaving the loop ends it. */
async function follow<T>(subscription: string, isLast: (one: T) => boolean): Promise<T> {
  showOperation(subscription);
  for await (const { data, errors } of events.iterate<Record<string, T>>({ query: subscription })) {
    if (errors) throw new Error(JSON.stringify(errors));
    for (const one of Object.values(data ?? {})) if (isLast(one)) return one;
  }
  throw new Error('the subscription ended too early');
}

async function installWindows(): Promise<void> {
  showStep('Install Windows once, into a golden image');
  const { goldenImage } = await ask<{ goldenImage: { imageId: string } }>(`mutation {
  createGoldenImage(input: { vmType: "11" }) {
    ... on CreateGoldenImagePayload { goldenImage { imageId status } }
    ... on Refusal { message fix }
  }
}`);
  show(`golden image ${goldenImage.imageId}`);

  showStep('Watch it install (here in fast motion; a real one takes half an hour)');
  let phase = '';
  const done = await follow<{ status: string; phase: string | null; progress: number | null; reason: string | null }>(
    `subscription {
  goldenImageProgress(id: "${goldenImage.imageId}") {
    status phase progress reason
  }
}`,
    (image) => {
      const now = `${image.status.padEnd(11)} ${image.phase ?? ''}`;
      if (now !== phase) show(`${now.padEnd(24)} ${Math.round((image.progress ?? 0) * 100)} %`);
      phase = now;
      return ['READY', 'FAILED'].includes(image.status);
    },
  );
  if (done.status !== 'READY') throw new Error(`the installation failed: ${done.reason}`);
}

async function fillPool(): Promise<void> {
  showStep('Hot spares are cloned from it, and boot ahead of need');
  await poolIsFull();
}

async function poolIsFull(): Promise<void> {
  let last = -1;
  await follow<{ hotSpares: number; counts: { readySpares: number } }>(
    `subscription {
  poolUpdated(vmType: "11") { hotSpares counts { readySpares } }
}`,
    ({ hotSpares, counts: { readySpares } }) => {
      if (readySpares !== last) show(`${readySpares} of ${hotSpares} spares are ready`);
      last = readySpares;
      return readySpares >= hotSpares;
    },
  );
}

async function assign(): Promise<string> {
  showStep('A job takes one: it is there at once');
  const begun = performance.now();
  const { assignment } = await ask<{ assignment: { status: string; vm: { instanceId: string } } }>(`mutation {
  assignVm(input: {
    assignedTo: "job-4711", vmType: "11", waitSeconds: 25
  }) {
    ... on AssignVmPayload { assignment { status vm { instanceId } } }
    ... on Refusal { message fix }
  }
}`);
  const { instanceId } = assignment.vm;
  show(`${assignment.status} in ${Math.round(performance.now() - begun)} ms: VM ${instanceId}`);
  return instanceId;
}

interface Ran {
  command: { commandId: string; status: string; exitCode: number | null; stdout: string };
}

/** Has a command run in the VM; with `waitSeconds` its end is waited for. */
const run = (vm: string, command: string, waitSeconds: number) =>
  ask<Ran>(`mutation {
  runCommand(input: {
    vmId: "${vm}"
    command: ${JSON.stringify(command)}, waitSeconds: ${waitSeconds}
  }) {
    ... on RunCommandPayload {
      command { commandId status exitCode stdout }
    }
    ... on Refusal { message fix }
  }
}`);

async function runCommands(vm: string): Promise<void> {
  showStep('It runs a batch file in the VM');
  const { command } = await run(vm, 'ver\nhostname\nexit /b 3', 30);
  showLines(command.stdout);
  show(`${command.status}, exit code ${command.exitCode}`);
  if (command.exitCode !== 3) throw new Error('the exit code should be 3');

  showStep('A long one, read while it runs');
  const { command: build } = await run(vm, 'build', 0);
  let shown = 0;
  const ended = await follow<{ status: string; exitCode: number | null; stdout: string }>(
    `subscription {
  commandUpdated(id: "${build.commandId}") {
    status exitCode stdout
  }
}`,
    ({ status, stdout }) => {
      showLines(stdout.slice(shown));
      shown = stdout.length;
      return !['QUEUED', 'RUNNING'].includes(status);
    },
  );
  show(`${ended.status}, exit code ${ended.exitCode}`);
  if (ended.exitCode !== 0) throw new Error('the build should end with 0');
}

async function readEvents(vm: string): Promise<string> {
  const seen: Event[] = [];
  const read = (after: string, isLast: (event: Event) => boolean) =>
    follow<Event>(
      `subscription {
  vmEvents(after: "${after}", vmId: "${vm}") {
    cursor kind vmId data
  }
}`,
      (event) => {
        seen.push(event);
        show(`${event.cursor.padStart(5)}  ${event.kind}`);
        return isLast(event);
      },
    );

  showStep('Every change is an event, in one order: read them from the first');
  let ended = 0;
  const { cursor } = await read('0', ({ kind }) => kind === 'COMMAND_ENDED' && ++ended === 2);

  showStep(`Disconnected at cursor ${cursor}; meanwhile something happens`);
  const { command } = await run(vm, 'echo while nobody listened', 30);
  showLines(command.stdout);

  showStep('Back again with the cursor: what was missed comes first');
  const last = await read(cursor, ({ kind, data }) => kind === 'COMMAND_ENDED' && data.commandId === command.commandId);

  showStep('Was any missed, or told twice? The whole list again, to compare');
  const page = await ask<{ edges: { cursor: string }[] }>(`query {
  events(first: 100, vmId: "${vm}") {
    edges { cursor }
  }
}`);
  const all = page.edges.map((edge) => edge.cursor).filter((one) => BigInt(one) <= BigInt(last.cursor));
  const told = seen.map((event) => event.cursor);
  show(`${told.length} told, ${all.length} in the list: ${told.join() === all.join() ? 'the same' : 'NOT the same'}`);
  if (told.join() !== all.join()) throw new Error(`told ${told.join()}, but there are ${all.join()}`);
  return last.cursor;
}

async function release(vm: string, cursor: string): Promise<void> {
  showStep('The job is done: the VM is destroyed; a fresh one has its place');
  await ask(`mutation {
  releaseVm(input: { id: "${vm}" }) {
    ... on ReleaseVmPayload { changed }
    ... on Refusal { message fix }
  }
}`);
  await follow<Event>(
    `subscription {
  vmEvents(after: "${cursor}", vmId: "${vm}") {
    cursor kind
  }
}`,
    ({ cursor: at, kind }) => {
      show(`${at.padStart(5)}  ${kind}`);
      return kind === 'VM_DESTROYED';
    },
  );
  await poolIsFull();
}

takeLine(`
Each operation is shown as it is sent. With curl, any of them:
   curl ${url} \\
     -H 'content-type: application/json' -d '{"query": "..."}'
and a subscription, to follow, with -N -H 'accept: text/event-stream' as well.`);
try {
  await installWindows();
  await fillPool();
  const vm = await assign();
  await runCommands(vm);
  await release(vm, await readEvents(vm));
  takeLine('\nAll of it went well.');
} catch (err) {
  takeLine(`\nFAILED: ${err instanceof Error ? err.message : String(err)}`);
  process.exitCode = 1;
}
events.dispose();
