/** The ports of the listeners: free, or taken by our own server. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Config } from '../../platform/config.ts'
import { listenerNames } from '../../platform/endpoints.ts'
import { type Finding, fail, ok, why } from './check.ts'

const subject = 'ports'

export async function checkPorts(config: Config): Promise<Finding[]> {
  const ours = await ownEndpoints(config)
  const free: string[] = []
  const problems: Finding[] = []
  for (const [name, port] of wantedPorts(config)) {
    if (ours?.ports.has(port)) continue
    const problem = port === 0 ? null : await bindProblem(config.host, port)
    if (problem === null) free.push(`${name} ${port}`)
    else problems.push(fail(subject, `${name}: ${config.host}:${port} ${problem}`))
  }
  if (ours) {
    const names = [...ours.names].join(', ')
    return [ok(subject, `our own server listens (process ${ours.pid}): ${names}`), ...problems]
  }
  return free.length === 0 ? problems : [ok(subject, `free: ${free.join(', ')}`), ...problems]
}

function wantedPorts({ roles, ...config }: Config): [name: string, port: number][] {
  const wanted = [
    ['http', roles.has('http'), config.httpPort],
    ['https', roles.has('http'), config.httpsPort],
    ['smtp', roles.has('smtp'), config.smtpPort],
    ['submission', roles.has('smtp'), config.submissionPort],
    ['submissions', roles.has('smtp'), config.submissionsPort],
    ['lmtp', roles.has('smtp'), config.lmtpPort],
    ['imap', roles.has('imap'), config.imapPort],
    ['imaps', roles.has('imap'), config.imapsPort],
    ['pop3', roles.has('pop3'), config.pop3Port],
    ['pop3s', roles.has('pop3'), config.pop3sPort],
    ['dns', roles.has('dns'), config.dnsPort],
    ['http_challenge', roles.has('http'), config.httpChallengePort],
  ] as const
  return wanted.flatMap(([name, isOn, port]) => (isOn && port !== null ? [[name, port]] : []))
}

type Own = { pid: number; names: Set<string>; ports: Set<number> }

/** What a running server of this data directory says of itself. */
async function ownEndpoints({ dataDir }: Config): Promise<Own | null> {
  const text = await readFile(join(dataDir, 'endpoints.json'), 'utf8').catch(() => null)
  if (text === null) return null
  const said: unknown = JSON.parse(text)
  if (typeof said !== 'object' || said === null) return null
  const member = (name: string): unknown => Object.getOwnPropertyDescriptor(said, name)?.value
  const pid = member('pid')
  if (typeof pid !== 'number' || !isAlive(pid)) return null
  const own: Own = { pid, names: new Set(), ports: new Set() }
  for (const name of listenerNames) {
    const port = /:(\d+)$/.exec(String(member(name)))?.[1]
    if (port === undefined) continue
    own.names.add(`${name} ${port}`)
    own.ports.add(Number(port))
  }
  return own
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' // it is, and another account's
  }
}

function bindProblem(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(sentence(error)))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}

function sentence(error: Error): string {
  const code = 'code' in error ? error.code : null
  if (code === 'EADDRINUSE') return 'is taken by another process; stop that, or choose another port'
  if (code === 'EACCES')
    return 'needs more rights: choose a port above 1023, or allow this account to bind it'
  if (code === 'EADDRNOTAVAIL') return 'is no address of this machine; MAILWRIGHT_HOST names it'
  return `cannot be bound (${why(error)})`
}
