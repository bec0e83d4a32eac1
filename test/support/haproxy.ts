import { type ProxyOptions, type RunningProxy, runProxy } from './runProxy.js';

/** Debian's haproxy with the server below a path. */
export function startHaproxy(server: string, options: ProxyOptions = {}): Promise<RunningProxy> {
  const { certificate, idleSeconds = 50 } = options;
  return runProxy(
    'haproxy',
    options,
    (port) => `defaults
  mode http
  timeout connect 5s
  timeout client ${idleSeconds}s
  timeout server ${idleSeconds}s
frontend front
  bind 127.0.0.1:${port}${certificate ? ` ssl crt ${certificate.bothFile}` : ''}
  http-request deny unless { path_beg /vapiorc/ }
  default_backend vapiorc
backend vapiorc
  http-request replace-path /vapiorc(/.*) \\1
  server vapiorc ${new URL(server).host}
`,
    (conf) => ['-db', '-q', '-f', conf],
  );
}
