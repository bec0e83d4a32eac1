const exponents: Record<string, number> = { '': 3, K: 1, M: 2, G: 3, T: 4 };

/** Bytes of a DISK_SIZE such as `64G`. A bare number means GiB; undefined: not a size, or beyond 63 bits. */
export function diskBytes(text: string): number | undefined {
  const match = /^(\d+)\s*([KMGT]?)B?$/i.exec(text.trim());
  if (!match?.[1]) return undefined;
  const bytes = Number(match[1]) * 1024 ** (exponents[(match[2] ?? '').toUpperCase()] ?? 3);
  return bytes > 0 && bytes < 2 ** 63 ? bytes : undefined;
}

/** MiB of a RAM_SIZE such as `4G`. A bare number below 130 means GiB, else MiB. */
export function ramMib(text: string, totalMib: number): number | undefined {
  const wanted = text.trim().toLowerCase();
  if (wanted === 'max') return totalMib;
  if (wanted === 'half') return Math.floor(totalMib / 2);
  const match = /^(\d+)\s*([kmgt]?)b?$/.exec(wanted);
  if (!match?.[1]) return undefined;
  const number = Number(match[1]);
  const unit = match[2] || (number < 130 ? 'g' : 'm');
  const mib = number * { k: 1 / 1024, m: 1, g: 1024, t: 1024 * 1024 }[unit as 'k' | 'm' | 'g' | 't'];
  return mib >= 1 ? Math.floor(mib) : undefined;
}

/** `64 GB`, `1.5 GB`: how the real image writes sizes (binary units under decimal names). */
export function gb(bytes: number): string {
  const value = bytes / 1024 ** 3;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} GB`;
}
