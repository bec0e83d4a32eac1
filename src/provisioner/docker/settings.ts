import type { Config } from '../../config.js';

/** What the Docker provisioner takes from the configuration. */
export type DockerSettings = Pick<
  Config,
  | 'dockerSocket'
  | 'dockerHostLoses'
  | 'image'
  | 'kvm'
  | 'network'
  | 'networkMode'
  | 'qemuAgent'
  | 'publishAddress'
  | 'publicHost'
  | 'guestPort'
  | 'ports'
  | 'hostStoragePath'
  | 'stopTimeoutSeconds'
  | 'parallelStarts'
  | 'capacityCheck'
>;
