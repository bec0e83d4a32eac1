import type { MachineRef } from '../provisioner.js';

/** Every label that we put on containers and networks. What does not carry the deployment's and an id is not ours to touch. */
export const LABEL = {
  deployment: 'vapiorc.deployment',
  vm: 'vapiorc.vm',
  golden: 'vapiorc.golden',
  /** On throw-away containers that run one command. */
  tool: 'vapiorc.tool',
  /** The process that waits for it, and its limit in seconds. */
  toolOwner: 'vapiorc.tool-owner',
  toolSeconds: 'vapiorc.tool-seconds',
  vmType: 'vapiorc.vm-type',
  ramMiB: 'vapiorc.ram-mib',
  cpuCores: 'vapiorc.cpu-cores',
} as const;

type Labels = Readonly<Record<string, string>>;

export function containerName({ kind, id }: MachineRef): string {
  return `vapiorc_${kind}_${id}`;
}

/** Which machine of this deployment a container is, or undefined: then it is not ours. */
export function refOf(labels: Labels | undefined, deployment: string): MachineRef | undefined {
  if (labels?.[LABEL.deployment] !== deployment) return undefined;
  const vm = labels[LABEL.vm];
  const golden = labels[LABEL.golden];
  if (vm) return { kind: 'vm', id: vm };
  if (golden) return { kind: 'golden', id: golden };
  return undefined;
}

export function machineLabels(ref: MachineRef, deployment: string): Labels {
  return { [LABEL.deployment]: deployment, [LABEL[ref.kind]]: ref.id };
}
