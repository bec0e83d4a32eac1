import { totalmem } from 'node:os';
import type { Plan } from '../plan.js';
import { ramMib } from '../sizes.js';

interface Wiring {
  readonly emulated: boolean;
  readonly netdev: string | undefined;
  /** File that the guest reads through fw_cfg. */
  readonly letter: string;
}

/** The real image's command line where it matters to others (drives, sockets, ARGUMENTS), on one small processor. */
export function qemuArguments(plan: Plan, { emulated, netdev, letter }: Wiring): string[] {
  const { settings, disk, firmware, mediumPath, installing, network } = plan;
  const totalMib = Math.floor(totalmem() / 1024 ** 2);
  const wantedMib = ramMib(settings.text('RAM_SIZE', '4G'), totalMib) ?? 256;
  const memoryMib = Math.min(wantedMib, settings.number('STANDIN_MEM_CAP', 256));
  const discard = settings.text('DISK_DISCARD', 'unmap');
  const drive = `id=data3,format=${disk.format},cache=${disk.cache},aio=${disk.io},discard=${discard},detect-zeroes=on`;

  const args = ['-nodefaults', '-name', 'windows', '-machine', `q35,accel=${emulated ? 'tcg' : 'kvm'}`];
  args.push('-cpu', emulated ? 'Nehalem' : 'host', '-smp', '1', '-m', `${memoryMib}M`, '-vga', 'std');
  args.push('-display', display(plan), '-serial', 'stdio');
  args.push('-monitor', 'unix:/run/shm/monitor.sock,server=on,wait=off');
  args.push('-drive', `file=${disk.path},${drive},if=none`, '-device', 'virtio-scsi-pci,id=data3b,bus=pcie.0,addr=0xa');
  args.push('-device', 'scsi-hd,drive=data3,bus=data3b.0,scsi-id=0,bootindex=3');
  if (mediumPath) {
    // SeaBIOS only ever tries the first hard disk, so the order is turned when the disk has become bootable.
    const bootIndex = installing ? 1 : 9;
    // A medium that is not ours cannot be booted by the tiny guest: its own one takes the place.
    const file = /\/(custom|boot)\.iso$/.test(mediumPath) ? '/usr/share/standin/medium.img' : mediumPath;
    args.push('-drive', `file=${file},id=cdrom0,format=raw,if=none,readonly=on,file.locking=off`);
    args.push('-device', `scsi-hd,id=medium,drive=cdrom0,bus=data3b.0,scsi-id=1,bootindex=${bootIndex}`);
  }
  if (firmware.varsPath) {
    // The BIOS has no use for it; attached so that QEMU takes the lock which forbids sharing it.
    args.push('-drive', `file=${firmware.varsPath},id=vars,format=raw,if=none`, '-device', 'virtio-blk-pci,drive=vars');
  }
  if (netdev) args.push('-netdev', netdev, '-device', `virtio-net-pci,netdev=net0,mac=${network.mac},romfile=`);
  // The tablet of the real image, and one that the tiny guest's kernel, which knows no USB, can follow.
  args.push('-device', 'qemu-xhci,id=xhci', '-device', 'usb-tablet,bus=xhci.0', '-device', 'virtio-tablet-pci');
  args.push('-fw_cfg', `name=opt/org.vapiorc.standin,file=${letter}`);
  if (settings.text('UUID')) args.push('-uuid', settings.text('UUID'));
  if (settings.text('QMP')) args.push('-qmp', settings.text('QMP'));
  if (settings.text('MONITOR')) args.push('-monitor', settings.text('MONITOR'));
  return [...args, ...userArguments(settings.text('ARGUMENTS'))];
}

function display({ settings }: Plan): string {
  const wanted = settings.text('DISPLAY', 'web').toLowerCase();
  if (wanted !== 'web' && wanted !== 'vnc') return 'none';
  return `vnc=:${settings.number('VNC_PORT', 5900) - 5900}`;
}

/** Split at blanks without any quoting; a processor of one's own is not allowed. */
function userArguments(text: string): string[] {
  const words = text.split(/\s+/).filter(Boolean);
  const cpu = words.indexOf('-cpu');
  if (cpu >= 0) words.splice(cpu, 2);
  return words;
}
