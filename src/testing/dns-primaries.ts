/** Debian's BIND and Knot as primary name servers of a test's own that take DNS updates (RFC 2136). */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type SecondaryKey, type SecondaryServer, startNameServer } from './dns-secondaries.ts'
import { freePorts } from './free-ports.ts'
import { temporaryDirectory } from './test-database.ts'

export type PrimaryProgram = 'named' | 'knotd'

export type PrimaryOptions = {
  zone: string
  /** The zone file behind its SOA and NS. */
  records?: readonly string[]
  /** May update and transfer the zone. */
  key: SecondaryKey
  /** Is known, but may not update. */
  otherKey?: SecondaryKey
}

/** Starts one. It goes with the stack. */
export async function startPrimary(
  stack: AsyncDisposableStack,
  program: PrimaryProgram,
  options: PrimaryOptions,
): Promise<SecondaryServer> {
  const directory = await temporaryDirectory(stack)
  const [port = 0] = await freePorts(1)
  const { zone, records = [] } = options
  const lines = ['$TTL 300', `@ SOA ns1.${zone}. host.${zone}. 1 3600 600 86400 300`, `@ NS ns1.${zone}.`]
  await writeFile(join(directory, 'zone.db'), `${[...lines, 'ns1 A 127.0.0.1', ...records].join('\n')}\n`)
  const file = join(directory, 'server.conf')
  const isBind = program === 'named'
  await writeFile(file, isBind ? bind(options, directory, port) : knot(options, directory, port))
  return await startNameServer(stack, program, isBind ? ['-g', '-c', file] : ['-c', file], directory, port)
}

function bind({ zone, key, otherKey }: PrimaryOptions, directory: string, port: number): string {
  const keys = [key, ...(otherKey === undefined ? [] : [otherKey])]
  return `
${keys.map(({ name, algorithm, secret }) => `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };`).join('\n')}
options {
  directory "${directory}";
  pid-file none;
  session-keyfile "${directory}/session.key";
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
  notify no;
};
controls { };
zone "${zone}" {
  type primary;
  file "${directory}/zone.db";
  allow-update { key "${key.name}"; };
  allow-transfer { ${keys.map(({ name }) => `key "${name}";`).join(' ')} };
};
`
}

function knot({ zone, key, otherKey }: PrimaryOptions, directory: string, port: number): string {
  const keys = [key, ...(otherKey === undefined ? [] : [otherKey])]
  return `
server:
  listen: 127.0.0.1@${port}
  rundir: "${directory}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "${directory}"
log:
  - target: stderr
    any: info
key:
${keys.map(({ name, algorithm, secret }) => `  - id: ${name}\n    algorithm: ${algorithm}\n    secret: ${secret}\n`).join('')}
acl:
  - id: owner
    key: ${key.name}
    action: [update, transfer]
${otherKey === undefined ? '' : `  - id: reader\n    key: ${otherKey.name}\n    action: transfer\n`}
zone:
  - domain: ${zone}
    storage: "${directory}"
    file: zone.db
    acl: [owner${otherKey === undefined ? '' : ', reader'}]
`
}
