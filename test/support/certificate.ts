import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Certificate {
  /** Text, in PEM; what a client trusts. */
  cert: string;
  certFile: string;
  keyFile: string;
  /** Both in one file. */
  bothFile: string;
}

/** A certificate that this name has signed itself, by Debian's openssl. Its files are in `folder`. */
export async function aCertificate(folder: string, name: string): Promise<Certificate> {
  const [certFile, keyFile, bothFile] = ['cert.pem', 'key.pem', 'both.pem'].map((file) => join(folder, file)) as [
    string,
    string,
    string,
  ];
  const options = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`];
  const names = ['-addext', `subjectAltName=DNS:${name}`];
  await promisify(execFile)('openssl', ['req', '-x509', ...options, ...names, '-keyout', keyFile, '-out', certFile]);
  const cert = await readFile(certFile, 'utf8');
  await writeFile(bothFile, cert + (await readFile(keyFile, 'utf8')));
  return { cert, certFile, keyFile, bothFile };
}
