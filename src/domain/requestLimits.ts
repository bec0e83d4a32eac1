import type { Limit } from './limit.js';

/** What bounds what one may ask for, by whichever API. */
export const requestLimits = {
  ordersWaiting: {
    what: 'assignVm orders of one server that wait for the database, or whose outcome it has not told yet',
    value: 5_000,
    unit: 'orders',
    refusal: 'Unavailable; REST: HTTP 503 with Retry-After',
  },
  databaseReserveBytes: {
    what: 'kept free on the disk of the embedded database for what makes room: releases, deletions, failures',
    value: 128 * 1024 * 1024,
    unit: 'bytes',
    refusal: 'once a part of it was given up: Unavailable to all else, until it is whole again',
  },
  replaysAtOnce: {
    what: 'followers of events that are given what they missed, at the same moment',
    value: 2,
    unit: 'followers',
    refusal: 'the others wait for their turn, address by address; nothing is left out',
  },
  replayEvents: {
    what: 'events that a follower is given in one turn while it is behind',
    value: 50,
    unit: 'events',
    refusal: 'the next come with its next turn',
  },
  pools: {
    what: 'pools',
    value: 200,
    unit: 'pools',
    refusal: 'Conflict',
  },
  imageLines: {
    what: 'lines of golden images',
    value: 200,
    unit: 'lines',
    refusal: 'Conflict; HTTP 409',
  },
  poolVms: {
    what: 'VMs of a pool, where no port is needed for each',
    value: 10_000,
    unit: 'VMs',
    refusal: 'InvalidInput; HTTP 422',
  },
  argumentCharacters: {
    what: 'a text that something is looked for by: a filter, an id, a cursor, a parameter of REST',
    value: 4_096,
    unit: 'characters',
    refusal: 'GraphQL error BAD_USER_INPUT; HTTP 422',
  },
  errorCharacters: {
    what: 'the message of an error or refusal, and its fix',
    value: 1_000,
    unit: 'characters',
    refusal: 'the rest is left out (…)',
  },
  echoedCharacters: {
    what: 'what a caller gave, where it is shown in a refusal',
    value: 200,
    unit: 'characters',
    refusal: 'the rest is left out (…)',
  },
  restBodyBytes: {
    what: 'a request to the REST API that is no file',
    value: 1024 * 1024,
    unit: 'bytes',
    refusal: 'HTTP 413',
  },
  smallFileBytes: {
    what: 'a file in GraphQL; larger ones go by REST',
    value: 1024 * 1024,
    unit: 'bytes',
    refusal: 'InvalidInput; a read: Conflict',
  },
  waitSeconds: {
    what: 'how long a caller may ask to wait for a VM, or for the end of a command',
    value: 3_600,
    unit: 'seconds',
    refusal: 'InvalidInput; REST: HTTP 422',
  },
  pageItems: {
    what: 'items of a page (REST: commands of a page)',
    value: 100,
    unit: 'items',
    refusal: 'GraphQL: so many are given; REST: HTTP 422',
  },
  fileListItems: {
    what: 'files of one page of a folder',
    value: 1_000,
    unit: 'files',
    refusal: 'HTTP 422',
  },
  commandsAtOnce: {
    what: 'commands that run at the same time in one VM',
    value: 8,
    unit: 'commands',
    refusal: 'the others wait for their turn',
  },
  commandsWaiting: {
    what: 'commands that wait in one VM',
    value: 1_000,
    unit: 'commands',
    refusal: 'Conflict; REST: HTTP 409',
  },
  commandCharacters: {
    what: 'the text of a command; longer scripts go into the VM as a file',
    value: 32_768,
    unit: 'characters',
    refusal: 'InvalidInput; REST: HTTP 422',
  },
  commandSeconds: {
    what: 'the time limit that a command may have',
    value: 86_400,
    unit: 'seconds',
    refusal: 'InvalidInput; REST: HTTP 422',
  },
  commandOutputBytes: {
    what: 'what is kept of each output of a command',
    value: 262_144,
    unit: 'bytes',
    refusal: 'the rest is left out, and the answer says so',
  },
  keyChords: {
    what: 'key chords in one sendKeys',
    value: 100,
    unit: 'chords',
    refusal: 'InvalidInput; REST: HTTP 422',
  },
  typedCharacters: {
    what: 'characters in one sendKeys',
    value: 1_000,
    unit: 'characters',
    refusal: 'InvalidInput; REST: HTTP 422',
  },
  screenCalls: {
    what: 'calls for the screen, the keyboard or the mouse of one machine that are under way (QEMU itself takes 32, and viewers need some)',
    value: 16,
    unit: 'calls',
    refusal: 'Unavailable; REST: HTTP 503',
  },
  clicks: {
    what: 'clicks in one click',
    value: 3,
    unit: 'clicks',
    refusal: 'InvalidInput; REST: HTTP 422',
  },
} as const satisfies Record<string, Limit>;
