/**
 * Domains looked at again, against name servers on this machine that answer for all of them. First some at the real pace,
 * by the questions that arrive; then all at a raised one, which says how long they take at the real one.
 * `npm run bench -- domain-checks=2000` takes fewer.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { sql } from 'kysely'
import { checkDueDomains } from '../src/domains/checks/due.ts'
import { desiredRecords } from '../src/domains/desired-records.ts'
import { lookHooks } from '../src/mailboxes/domain-activation.ts'
import type { Platform } from '../src/platform/platform.ts'
import { startTestDns, type ZoneRecords } from '../src/testing/test-dns.ts'
import { startTestPlatform, type TestPlatform } from '../src/testing/test-platform.ts'
import type { FromServers, ServersData, ToServers } from './domain-checks-servers.ts'
import type { Row } from './table.ts'

const countDefault = 100_000
const pacedCount = 1_000
const pace = 200
const raisedPace = 10_000
const hostname = 'mx.platform.example'
const registry = { name: 'ns.registry.example', address: '127.0.0.2' }
const host = { name: 'ns.host.example', address: '127.0.0.3' }

export async function domainChecks(count = countDefault): Promise<Row[]> {
  await using stack = new AsyncDisposableStack()
  const servers = await startServers(stack)
  const resolver = stack.use(
    await startTestDns({
      example: { NS: [registry.name] },
      [registry.name]: { A: [registry.address] },
      [host.name]: { A: [host.address] },
    }),
  )
  const t = stack.use(
    await startTestPlatform({
      MAILWRIGHT_RESOLVER: resolver.resolver,
      MAILWRIGHT_AUTHORITY_PORT: String(servers.port),
      MAILWRIGHT_HOSTNAME: hostname,
    }),
  )
  await insertDomains(t, count)
  servers.answerWith(await recordsOfAll(t))

  const paced = await timed(t.platform, pace, Math.min(pacedCount, count))
  const pacedArrivals = await servers.arrivals()
  const raised = await timed(t.platform, raisedPace, count)
  const questions = pacedArrivals.length + (await servers.arrivals()).length
  return [
    {
      what: `questions in any second, ${paced.domains} domains at ${pace} a second`,
      value: mostInAnySecond(pacedArrivals),
      unit: '',
      goal: { atMost: pace },
    },
    { what: 'questions a second on average', value: paced.questions / paced.seconds, unit: '/s' },
    {
      what: 'questions for a domain',
      value: questions / (paced.domains + raised.domains),
      unit: '',
      goal: { atMost: 7 },
    },
    {
      what: `100,000 domains at ${pace} a second, by these figures`,
      value: (100_000 * paced.seconds) / paced.domains / 60,
      unit: 'min',
      goal: { atMost: 60 },
    },
    { what: `${count} domains without that pace`, value: raised.seconds, unit: 's' },
  ]
}

type Timed = { domains: number; questions: number; seconds: number }

async function timed(platform: Platform, perSecond: number, count: number): Promise<Timed> {
  await sql`update domain_checks set due_at = null`.execute(platform.db)
  await sql`update domain_checks set due_at = ${platform.clock.now()}::timestamptz where domain_id in (
    select domain_id from domain_checks order by domain_id limit ${count})`.execute(platform.db)
  const total: Timed = { domains: 0, questions: 0, seconds: 0 }
  const startedAt = performance.now()
  const atPace = { ...platform, config: { ...platform.config, dnsChecksPerSecond: perSecond } }
  while (total.domains < count) {
    const { domains, questions } = await checkDueDomains(atPace, lookHooks)
    if (domains === 0) throw new Error('domains are due, and none was looked at')
    total.domains += domains
    total.questions += questions
  }
  return { ...total, seconds: (performance.now() - startedAt) / 1000 }
}

function mostInAnySecond(arrivals: readonly number[]): number {
  let most = 0
  let from = 0
  for (const [index, at] of arrivals.entries()) {
    while ((arrivals[from] ?? at) <= at - 1000) from++
    most = Math.max(most, index - from + 1)
  }
  return most
}

async function insertDomains({ platform, scope }: TestPlatform, count: number): Promise<void> {
  await sql`with made as (
      insert into domains (id, organization_id, workspace_id, name, state, ownership_token, created_at, updated_at,
        state_changed_at)
      select gen_random_uuid(), ${scope.organizationId}::uuid, ${scope.workspaceId}::uuid, 'd' || n || '.example',
        'active', 'token', now(), now(), now() from generate_series(1, ${count}::int) as n
      returning id
    ), keys as (
      insert into dkim_keys (id, domain_id, algorithm, selector, public_key, sealed_private_key, key_id, state,
        created_at, activated_at)
      select gen_random_uuid(), made.id, algorithm, selector, 'KEY', '', 'none', 'active', now(), now() from made,
        (values ('rsa-sha256', 'mwr1'), ('ed25519-sha256', 'mwe1')) as pair (algorithm, selector)
    )
    insert into domain_checks (domain_id) select id from made`.execute(platform.db)
  await sql`analyze domains, dkim_keys, domain_checks`.execute(platform.db)
}

/** What every domain has, by the name in front of it: the plan of one of them. */
async function recordsOfAll({ platform }: TestPlatform): Promise<Map<string, ZoneRecords>> {
  const records = new Map<string, ZoneRecords>()
  const domain = await platform.db
    .selectFrom('domains')
    .selectAll()
    .where('name', '=', 'd1.example')
    .executeTakeFirstOrThrow()
  const keys = (['rsa-sha256', 'ed25519-sha256'] as const).map((algorithm, index) => ({
    algorithm,
    selector: index === 0 ? 'mwr1' : 'mwe1',
    public_key: 'KEY',
    state: 'active' as const,
  }))
  for (const { name, type, value } of desiredRecords(platform.config, domain, keys)) {
    const label = name.replace(/\.?d1\.example$/, '')
    const known = records.get(label) ?? {}
    records.set(label, known)
    // The texts of reports name their domain; any will do.
    if (type === 'TXT') known.TXT = [value]
    if (type === 'MX') known.MX = [[10, hostname]]
    if (type === 'CNAME') known.CNAME = [value]
    if (type === 'SRV') {
      const [priority, weight, port, target = ''] = value.split(' ')
      known.SRV = [[Number(priority), Number(weight), Number(port), target]]
    }
  }
  return records
}

type Servers = {
  port: number
  answerWith(records: ReadonlyMap<string, ZoneRecords>): void
  /** When each question came since the last call, in milliseconds. */
  arrivals(): Promise<number[]>
}

async function startServers(stack: AsyncDisposableStack): Promise<Servers> {
  const workerData: ServersData = { registryAddress: registry.address, host }
  const worker = new Worker(new URL('./domain-checks-servers.ts', import.meta.url), { workerData })
  const send = (message: ToServers): void => worker.postMessage(message)
  const receive = async (): Promise<FromServers> => {
    const [message]: FromServers[] = await once(worker, 'message')
    if (message === undefined) throw new Error('the name servers said nothing')
    return message
  }
  const started = await receive()
  stack.defer(async () => {
    const ended = once(worker, 'exit')
    send({ kind: 'stop' })
    await ended
  })
  return {
    port: started.kind === 'started' ? started.port : 0,
    answerWith: (records) => send({ kind: 'records', records }),
    async arrivals() {
      send({ kind: 'report' })
      const message = await receive()
      return message.kind === 'report' ? message.arrivals : []
    },
  }
}
