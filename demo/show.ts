/** How the demo shows what it does, in 80 columns. */

let steps = 0;

export function takeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function showStep(title: string): void {
  steps++;
  takeLine(`\n${steps}. ${title}\n`);
}

/** What is sent, as the caller would write it. */
export function showOperation(operation: string): void {
  takeLine(operation.replaceAll(/^/gm, '   | '));
}

/** What came of it. */
export function show(line: string): void {
  takeLine(`   > ${line}`);
}

export function showLines(text: string): void {
  for (const line of text.split(/\r?\n/)) if (line !== '') show(line);
}
