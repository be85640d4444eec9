/** Debian's name servers as secondaries of a test's own: NSD, Knot and BIND, each with its files in a temporary directory. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as dnsPacket from 'dns-packet'
import { type DnsServer, exchangeUdp } from '../platform/dns-wire/client.ts'
import { freePorts } from './free-ports.ts'
import { temporaryDirectory } from './test-database.ts'

export type SecondaryKey = { name: string; algorithm: string; secret: string }

export type SecondaryOptions = {
  primary: DnsServer
  key: SecondaryKey
  zones: readonly string[]
  /** A zone whose members it serves, too (RFC 9432). */
  catalog?: string
  /** Where it listens; any free port if not given. */
  port?: number
}

export type SecondaryServer = DnsServer & {
  /** The serial that it has of a zone; null while it has none. */
  serialOf(zone: string): Promise<number | null>
  /** Waits until it has this serial or a later one. */
  waitForSerial(zone: string, serial: number): Promise<void>
  /** Waits until it has no such zone any longer. */
  waitForNone(zone: string): Promise<void>
  log(): string
}

export type SecondaryProgram = 'nsd' | 'knotd' | 'named'

const waitMsMax = 20_000

/** Starts one. It goes with the stack. */
export async function startSecondary(
  stack: AsyncDisposableStack,
  program: SecondaryProgram,
  options: SecondaryOptions,
): Promise<SecondaryServer> {
  const directory = await temporaryDirectory(stack)
  const port = options.port ?? (await freePorts(1))[0] ?? 0
  const file = join(directory, `${program}.conf`)
  await writeFile(file, configurations[program]({ ...options, port, directory }))
  const secondary = await startNameServer(stack, program, argumentsOf[program](file), directory, port)
  return secondary
}

type Full = SecondaryOptions & { port: number; directory: string }

const argumentsOf: Record<SecondaryProgram, (file: string) => string[]> = {
  nsd: (file) => ['-d', '-c', file],
  knotd: (file) => ['-c', file],
  named: (file) => ['-g', '-c', file],
}

const configurations: Record<SecondaryProgram, (options: Full) => string> = {
  nsd: ({ primary, key, zones, port, directory }) => `
server:
  ip-address: 127.0.0.1
  port: ${port}
  username: ""
  zonesdir: "${directory}"
  zonelistfile: "${directory}/zone.list"
  database: ""
  pidfile: ""
  xfrdfile: "${directory}/xfrd.state"
  xfrdir: "${directory}"
  server-count: 1
  verbosity: 2
remote-control:
  control-enable: no
key:
  name: "${key.name}"
  algorithm: ${key.algorithm}
  secret: "${key.secret}"
${zones
  .map(
    (zone) => `zone:
  name: "${zone}"
  request-xfr: AXFR ${primary.address}@${primary.port} ${key.name}
  allow-notify: 127.0.0.1 ${key.name}
`,
  )
  .join('')}`,
  knotd: ({ primary, key, zones, catalog, port, directory }) => `
server:
  listen: 127.0.0.1@${port}
  rundir: "${directory}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 2
database:
  storage: "${directory}"
log:
  - target: stderr
    any: info
key:
  - id: ${key.name}
    algorithm: ${key.algorithm}
    secret: ${key.secret}
remote:
  - id: primary
    address: ${primary.address}@${primary.port}
    key: ${key.name}
acl:
  - id: from_primary
    address: 127.0.0.1
    key: ${key.name}
    action: notify
template:
  - id: default
    storage: "${directory}"
    master: primary
    acl: from_primary
    semantic-checks: off
  - id: member
    storage: "${directory}"
    master: primary
    acl: from_primary
zone:
${zones.map((zone) => `  - domain: ${zone}\n`).join('')}${
  catalog === undefined
    ? ''
    : `  - domain: ${catalog}
    catalog-role: interpret
    catalog-template: member
`
}`,
  named: ({ primary, key, zones, catalog, port, directory }) => `
key "${key.name}" { algorithm ${key.algorithm}; secret "${key.secret}"; };
options {
  directory "${directory}";
  pid-file none;
  session-keyfile "${directory}/session.key";
  managed-keys-directory "${directory}";
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
  notify no;
  allow-notify { key "${key.name}"; };
  ${
    catalog === undefined
      ? ''
      : `catalog-zones { zone "${catalog}" default-primaries { ${primary.address} port ${primary.port} key "${key.name}"; } in-memory yes min-update-interval 1; };`
  }
};
controls { };
${[...zones, ...(catalog === undefined ? [] : [catalog])]
  .map(
    (zone) => `zone "${zone}" {
  type secondary;
  primaries { ${primary.address} port ${primary.port} key "${key.name}"; };
  file "${directory}/${zone}.db";
};
`,
  )
  .join('')}`,
}

/** Starts a name server that is told everything by its configuration. It goes with the stack. */
export async function startNameServer(
  stack: AsyncDisposableStack,
  program: string,
  programArguments: string[],
  directory: string,
  port: number,
): Promise<SecondaryServer> {
  await mkdir(directory, { recursive: true })
  const child = spawn(program, programArguments, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-50_000)
    })
  }
  const exited = once(child, 'exit')
  stack.defer(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill()
      await exited
    }
  })
  const server: DnsServer = { address: '127.0.0.1', port }
  const isUp = () => ask(server, 'version.invalid').then(Boolean, () => false)
  const isLost = (): boolean => child.exitCode !== null || child.signalCode !== null
  await until(isUp, isLost, () => `${program} did not start: ${output}`)
  const serialOf = async (zone: string): Promise<number | null> => {
    const reply = await ask(server, zone).catch(() => null)
    const soa = reply?.answers?.find((answer) => answer.type === 'SOA')
    return soa?.type === 'SOA' ? (soa.data.serial ?? null) : null
  }
  return {
    ...server,
    serialOf,
    log: () => output,
    waitForNone: (zone) =>
      until(
        async () => (await serialOf(zone)) === null,
        isLost,
        () => `${program} still has ${zone}: ${output}`,
      ),
    waitForSerial: (zone, serial) =>
      until(
        async () => ((await serialOf(zone)) ?? -1) >= serial,
        isLost,
        () => `${program} has no ${zone} of serial ${serial}: ${output}`,
      ),
  }
}

/** Other programs cannot be awaited: they are asked again and again. */
async function until(
  isSo: () => Promise<boolean>,
  isLost: () => boolean,
  complaint: () => string,
): Promise<void> {
  const deadline = performance.now() + waitMsMax
  while (!(await isSo())) {
    if (isLost() || performance.now() > deadline) throw new Error(complaint())
    await sleep(100)
  }
}

async function ask(server: DnsServer, name: string): Promise<dnsPacket.DecodedPacket> {
  const query = dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'SOA', name }] })
  return await exchangeUdp(server, query, (reply) => dnsPacket.decode(reply), 500)
}
