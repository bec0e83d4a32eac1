import type { Guest as GuestRow } from '../../db/guests.js';
import { builder } from '../builder.js';
import { Vm } from './vm.js';

const SAID = 'As the guest says.';

const Guest = builder.objectRef<GuestRow>('Guest').implement({
  description: 'What the agent in a guest says of itself. Nothing of it is proven.',
  fields: (t) => ({
    windows: t.exposeString('windows', { nullable: true, description: `Name of its Windows. ${SAID}` }),
    build: t.exposeString('build', { nullable: true, description: 'Major, minor and build number: `10.0.26100`.' }),
    computerName: t.exposeString('computer', { nullable: true, description: SAID }),
    machineGuid: t.exposeString('machineGuid', {
      nullable: true,
      description: "Windows' own MachineGuid: the golden image's in all its clones.",
    }),
    userName: t.exposeString('userName', { nullable: true, description: 'As whom the agent, and each command, runs.' }),
    ip: t.exposeString('ip', { nullable: true, description: 'Its address in its own network.' }),
    codePage: t.exposeInt('codePage', { nullable: true, description: 'In which its console programs write.' }),
    clockSkewMs: t.exposeInt('clockSkewMs', {
      nullable: true,
      description: "Its clock less the server's at its last report, in milliseconds.",
    }),
    agent: t.exposeString('agent', { nullable: true, description: 'Version of the agent.' }),
    starts: t.exposeInt('sessions', { description: 'How many starts of the agent were heard.' }),
    seenAt: t.expose('seenAt', { type: 'DateTime', description: 'When it last called in, to some ten seconds.' }),
  }),
});

builder.objectFields(Vm, (t) => ({
  guest: t.field({
    type: Guest,
    nullable: true,
    description: 'What its guest says of itself; null before its agent first called in.',
    resolve: ({ id }, _args, { load }) => load.guest(id),
  }),
  notReady: t.exposeString('notReady', {
    nullable: true,
    description:
      'Why it is not to be used now: its engine makes it wait or has lost it, its guest, which answers, is not accepted as ready yet, or an assigned VM is paused, not connected, without its disk, or not heard any more.',
  }),
}));
