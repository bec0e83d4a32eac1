import { type ProxyOptions, type RunningProxy, runProxy } from './runProxy.js';

/** What docs/network.md tells people to add. */
const FOR_ALL = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
  proxy_request_buffering off; client_max_body_size 0;`;

/** Debian's nginx with a bare `proxy_pass`, as people write it first. With a certificate it has what WebSockets and large files need as well. */
export function startNginx(server: string, options: ProxyOptions = {}): Promise<RunningProxy> {
  const { certificate, idleSeconds } = options;
  const tls = certificate && `ssl_certificate ${certificate.certFile}; ssl_certificate_key ${certificate.keyFile};`;
  const temp = (folder: string) =>
    ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
  return runProxy(
    'nginx',
    options,
    (port, folder) => `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
events {}
http {
  access_log off; ${temp(folder).join(' ')}
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:${port}${tls ? ' ssl' : ''}; ${tls ?? ''}
    ${idleSeconds ? `proxy_read_timeout ${idleSeconds}s;` : ''}
    location /vapiorc/ { proxy_pass ${server}/; ${tls ? FOR_ALL : ''} }
  }
}
`,
    (conf) => ['-c', conf, '-e', 'stderr'],
  );
}
