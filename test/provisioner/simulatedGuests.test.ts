import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, openDatabase } from '../../src/db/client.js';
import { getDeployment, guestToken } from '../../src/db/deployment.js';
import { type SimulatedServer, startSimulatedServer } from '../support/simulatedServer.js';
import { until } from '../support/until.js';
import { ask, assignVm, createImage, imageReady } from '../system/support/api.js';
import { commandIs, runCommand } from '../system/support/commands.js';

let server: SimulatedServer;
let db: Db;

beforeAll(async () => {
  server = await startSimulatedServer();
  db = openDatabase(server.databaseUrl);
  const { id } = await createImage(server);
  await imageReady(server, id);
});
afterAll(async () => {
  await db?.$disconnect();
  await server?.close();
});

async function aHeldVm(): Promise<string> {
  const { vm } = await assignVm(server, { assignedTo: 'the test', waitSeconds: 20 });
  if (!vm) throw new Error('no VM came');
  return vm.instanceId;
}

const commandEvents = async (vmId: string) =>
  (await db.event.findMany({ where: { vmId, kind: { startsWith: 'COMMAND' } }, orderBy: { seq: 'asc' } })).map(
    ({ kind, actor }) => `${kind} ${actor}`,
  );

const cancel = (id: string) =>
  ask(server, 'mutation($id: ID!) { cancelCommand(input: { id: $id }) { __typename } }', { id });

test('a simulated guest says who it is, and runs a command as a real one does', async () => {
  const vmId = await aHeldVm();
  const said = await db.guest.findUniqueOrThrow({ where: { machineId: vmId } });
  expect(said).toMatchObject({
    windows: 'Windows 11 (simulated)',
    build: '10.0.26100',
    agent: 'simulated',
    sessions: 1,
  });

  const command = await runCommand(server, vmId, 'hostname\nnope\nexit /b 3');

  expect(command).toMatchObject({ status: 'EXITED', exitCode: 3, stdout: `${said.computer}\r\n` });
  expect(command.stderr).toContain("'nope' is not recognized");
  expect(await commandEvents(vmId)).toEqual(['COMMAND_QUEUED api', 'COMMAND_STARTED guest', 'COMMAND_ENDED guest']);
});

test('a command shows what it has written so far, and ends when it is cancelled', async () => {
  const vmId = await aHeldVm();
  const { commandId: id } = await runCommand(server, vmId, 'echo first\ntimeout 600', { waitSeconds: 0 });
  const running = await commandIs(server, id, ({ stdout }) => stdout.includes('first'));
  expect(running.status).toBe('RUNNING');
  await cancel(id);
  expect(await commandIs(server, id, ({ status }) => status !== 'RUNNING')).toMatchObject({
    status: 'CANCELLED',
    stdout: 'first\r\nWaiting for 600 seconds\r\n',
  });
});

test('its time is limited as a real one’s', async () => {
  const late = await runCommand(server, await aHeldVm(), 'timeout 600', { timeoutSeconds: 1 });
  expect(late).toMatchObject({ status: 'TIMED_OUT', reason: 'it ran longer than 1 s and was ended' });
});

test('nine at once are run, the ninth when another has ended', async () => {
  const vmId = await aHeldVm();
  const waits = Array.from({ length: 8 }, () => runCommand(server, vmId, 'timeout 600', { waitSeconds: 0 }));
  const ids = (await Promise.all(waits)).map(({ commandId }) => commandId);
  for (const id of ids) await commandIs(server, id, ({ status }) => status === 'RUNNING');
  const ninth = await runCommand(server, vmId, 'echo nine', { waitSeconds: 0 });
  expect(ninth.status).toBe('QUEUED');
  await cancel(ids[0] as string);
  const ended = await commandIs(server, ninth.commandId, ({ status }) => status !== 'QUEUED' && status !== 'RUNNING');
  expect(ended).toMatchObject({ status: 'EXITED', stdout: 'nine\r\n' });
  for (const id of ids) await cancel(id);
});

test('what runs in a VM ends with it', async () => {
  const vmId = await aHeldVm();
  const { commandId: id } = await runCommand(server, vmId, 'timeout 600', { waitSeconds: 0 });
  await commandIs(server, id, ({ status }) => status === 'RUNNING');
  await ask(server, 'mutation($id: ID!) { releaseVm(input: { id: $id }) { __typename } }', { id: vmId });
  expect((await commandIs(server, id, ({ status }) => status !== 'RUNNING')).status).toBe('FAILED');
});

test('where another agent has reported, the simulated guest is silent', async () => {
  const vmId = await aHeldVm();
  const token = guestToken(await getDeployment(db, 'simulated'), vmId);
  const call = async (name: string, body: string) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${server.url}/guest/v1/${name}`, { method: 'POST', headers, body })).text();
  };
  await call('ready', 'phase=ready\nsession=another');
  await runCommand(server, vmId, 'echo for the other', { waitSeconds: 0 });
  const told = await until('it is handed out', async () => {
    const answer = await call('next', 'session=another\nwait=1');
    return answer.startsWith('do=run') && answer;
  });
  expect(told).toContain('command=echo%20for%20the%20other');
  expect(await db.guest.findUniqueOrThrow({ where: { machineId: vmId } })).toMatchObject({ session: 'another' });
});

test('a pool that wants computer names of its own gets them', async () => {
  const setPool = (unique: boolean) =>
    ask(server, 'mutation($u: Boolean!) { setPool(input: { vmType: "11", uniqueComputerNames: $u }) { __typename } }', {
      u: unique,
    });
  const shared = (await db.guest.findFirstOrThrow({ where: { machineId: await aHeldVm() } })).computer;
  await setPool(true);
  // The spares that were there before keep the name that they have; these come after them.
  for (let n = 0; n < 3; n++) await aHeldVm();
  const renamed = await until('some have another name', async () => {
    const guests = await db.guest.findMany({ where: { sessions: 2 } });
    return guests.length > 1 && guests.map(({ computer }) => computer);
  });
  await setPool(false);
  expect(renamed).not.toContain(shared);
  expect(new Set(renamed).size).toBe(renamed.length);
});
