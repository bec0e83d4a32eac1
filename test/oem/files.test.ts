import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'acorn';
import { describe, expect, test } from 'vitest';
import { agentParts, agentText } from './support/agentRun.js';

const oem = fileURLToPath(new URL('../../oem/', import.meta.url));

describe('the files', () => {
  test('the agent is ECMAScript 3, as Windows XP has it, in ASCII', () => {
    expect(() => parse(agentText, { ecmaVersion: 3, sourceType: 'script' })).not.toThrow();
    expect(agentText).toMatch(/^[\x20-\x7e\n]*$/);
  });

  test('the agent names no property by a reserved word, which the parser would let pass', () => {
    const words =
      'break|case|catch|class|const|continue|default|delete|do|else|enum|export|extends|finally|for|if|import|in|new|return|super|switch|this|throw|try|typeof|var|void|while|with';
    expect(agentText.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$|'(?:\\.|[^'\\])*'/gm, '')).not.toMatch(
      new RegExp(`\\.(${words})\\b|[{,]\\s*(${words})\\s*:`),
    );
  });

  test('the agent has what a virus scanner looks for in no part', () => {
    expect(agentText).not.toMatch(/\beval\b|new Function|ADODB|WScript\.Shell['"]\s*\+|fromCharCode|unescape/);
  });

  test('the gates can fail', () => {
    for (const newer of ['var a = { b: 1, };', 'x => x', 'var { a } = b;', '`a`']) {
      expect(() => parse(newer, { ecmaVersion: 3, sourceType: 'script' })).toThrow();
    }
  });

  test('install.bat joins every part of the agent', () => {
    expect(agentParts.toSorted()).toEqual(readdirSync(`${oem}agent`).toSorted());
  });

  test('the agent passes the type checker, with the script host as its only library', () => {
    const { status, stdout } = spawnSync('npx', ['tsc', '-p', `${oem}tsconfig.json`], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
    const { files } = JSON.parse(readFileSync(`${oem}tsconfig.json`, 'utf8'));
    expect(files).toEqual(agentParts.map((name) => `agent/${name}`));
  });

  test.each(['install.bat', 'agent.cmd'])(
    '%s is plain ASCII with CRLF, and of the subset that every cmd.exe has',
    (file) => {
      const text = readFileSync(`${oem}${file}`, 'latin1');
      expect(text).toMatch(/^([\x20-\x7e]*\r\n)*$/);
      const code = text.replaceAll(/^rem .*$/gm, '');
      expect(code).not.toMatch(/&&|\|\||findstr|timeout |powershell|wmic|curl|![a-z]|^\s*\(|\(\s*$/im);
    },
  );

  test('nothing of one machine is in the folder', () => {
    const texts = readdirSync(oem, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(js|bat|cmd|xml)$/.test(entry.name))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    // 127.0.0.1 is pinged to wait; 0.0.0.0 is the default route.
    const addresses = texts.join('').replaceAll(/127\.0\.0\.1|0\.0\.0\.0|xmlns="[^"]*"/g, '');
    expect(addresses).not.toMatch(/\d+\.\d+\.\d+\.\d+|https?:\/\/|C:\\Users/i);
  });
});
