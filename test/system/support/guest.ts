import { guestCommand } from '../../provisioner/guestCommand.js';
import { docker } from './deployment.js';

/** What the stand-in's guest in this container answers to one line; undefined while it does not. */
export async function guestAnswers(container: string, command: string): Promise<string | undefined> {
  const { NetworkSettings } = await docker.getContainer(container).inspect();
  const address = Object.values(NetworkSettings.Networks)[0]?.IPAddress;
  return address ? guestCommand(address, command) : undefined;
}
