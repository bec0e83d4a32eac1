/**
 * A CI job that wants a fresh Windows: take a VM, run something in it, print what it says, and give the VM back whatever happens.
 *
 *   npx tsx examples/ci-job.ts 'ver'
 *
 * Needs nothing but Node. VAPIORC_URL says where the server is.
 */
const server = process.env.VAPIORC_URL ?? 'http://127.0.0.1:8000';
const batchFile = process.argv[2] ?? 'ver\nhostname';
const job = `job-${process.pid}`;

/** One operation. A refusal is an answer like any other: it says what is wrong, and what to do about it. */
async function graphql<T>(query: string, variables: object): Promise<T> {
  const response = await fetch(`${server}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data?: { result: T }; errors?: { message: string }[] };
  if (!data || errors) throw new Error(errors?.[0]?.message ?? `HTTP ${response.status}`);
  const { message, fix } = data.result as { message?: string; fix?: string };
  if (fix) throw new Error(`${message} ${fix}`);
  return data.result;
}

// A spare is there at once; else this waits for one, half a minute at most, and then leaves the queue. The lease gives the VM back
// should this program die.
const { assignment } = await graphql<{ assignment: { status: string; vm: { instanceId: string } | null } }>(
  `mutation ($input: AssignVmInput!) {
    result: assignVm(input: $input) {
      ... on AssignVmPayload { assignment { status vm { instanceId } } }
      ... on Refusal { message fix }
    }
  }`,
  { input: { assignedTo: job, vmType: '11', waitSeconds: 30, cancelIfLate: true, leaseSeconds: 3600 } },
);
if (!assignment.vm) throw new Error(`no VM within 30 s: ${assignment.status}`);
const { instanceId } = assignment.vm;
console.error(`${job} has the VM ${instanceId}`);

try {
  // The text of a batch file; the answer comes when it has ended. `exit /b 3` in it is our exit code.
  const { command } = await graphql<{
    command: { status: string; exitCode: number | null; stdout: string; stderr: string; reason: string | null };
  }>(
    `mutation ($input: RunCommandInput!) {
      result: runCommand(input: $input) {
        ... on RunCommandPayload { command { status exitCode stdout stderr reason } }
        ... on Refusal { message fix }
      }
    }`,
    { input: { vmId: instanceId, command: batchFile, timeoutSeconds: 600, waitSeconds: 600 } },
  );
  process.stdout.write(command.stdout);
  process.stderr.write(command.stderr);
  if (command.status !== 'EXITED') console.error(`${command.status}: ${command.reason}`);
  process.exitCode = command.exitCode ?? 1;
} finally {
  await graphql(
    `mutation ($id: ID!) {
      result: releaseVm(input: { id: $id }) {
        ... on ReleaseVmPayload { changed }
        ... on Refusal { message fix }
      }
    }`,
    { id: instanceId },
  );
  console.error(`${instanceId} is released, and destroyed without trace`);
}
