/** Who a simulated guest says it is. */
export interface SimulatedWindows {
  /** Its name, which says that it is none. */
  windows: string;
  build: string;
  computer: string;
  user: string;
}

const BUILDS: Readonly<Record<string, string>> = {
  7: '6.1.7601',
  8: '6.3.9600',
  10: '10.0.19045',
  2016: '10.0.14393',
  2019: '10.0.17763',
  2022: '10.0.20348',
};
const NEWEST = '10.0.26100';

/** Clones have the computer name that their golden image got, as real ones do. */
export function simulatedWindows(vmType: string, goldenImageId: string): SimulatedWindows {
  const release = /^\d+/.exec(vmType)?.[0];
  const name = release === undefined ? vmType : `${release.length === 4 ? 'Server ' : ''}${release}`;
  return {
    windows: `Windows ${name} (simulated)`,
    build: (release === undefined ? undefined : BUILDS[release]) ?? NEWEST,
    computer: `WIN-${goldenImageId.slice(0, 8).toUpperCase()}`,
    user: 'Docker',
  };
}
