/**
 * Every operation of InboxKit and Zapmail by those who must not: with ids and names of another's in each place that the
 * contract's examples have one. Nothing of another's comes back, nothing of it changes, and nothing breaks.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Contract, loadContract, type Operation } from '../src/testing/contract.ts'
import { inParallel } from '../src/testing/tenant-calls.ts'
import { makeTenantObjects } from '../src/testing/tenant-objects.ts'
import { differences, rowsOf } from '../src/testing/tenant-rows.ts'
import { call, type Reply, startTestApi, type TestApi, textAt } from '../src/testing/test-api.ts'

/** They ask somebody else with what the caller gives, for whoever may have a connection of their own. */
const asking = new Set([
  'addSequencer',
  'updateSequencer',
  'addThirdPartyAccount',
  'updateThirdPartyAccount',
  'connectCloudflareDomains',
  'updateMailboxProfilePicture',
])

type Stranger = { name: string; key: string; workspaceId: string }
type Request = { id: string; method: string; path: string; headers: Record<string, string>; body: unknown }

let api: TestApi
let strangers: Stranger[]
/** Ids of each kind that the tenant has. */
let targets: string[]
let marks: string[]

const domain = 'demo.test'
const address = 'ann@demo.test'
const tenantRows = () => rowsOf(api.platform.db, api.scope.organizationId, api.scope.workspaceId)

before(async () => {
  api = await startTestApi({
    otherFaces: true,
    requestsPerMinute: 1e9,
    environment: {
      MAILWRIGHT_HOSTNAME: 'mx.ours.example',
      MAILWRIGHT_NAMESERVERS: 'ns1.ours.example,ns2.ours.example',
    },
  })
  const objects = await makeTenantObjects(api)
  const { id: tagged } = Object((await api.call('GET', `/v1/mailboxes/${address}`)).json)
  assert.ok(tagged)
  const other = await api.tenant()
  const second = textAt((await api.call('POST', '/v1/workspaces', { body: { name: 'Other' } })).json, 'id')
  strangers = [
    { name: 'another organization', ...other },
    { name: 'another workspace', key: await api.key({ workspaceId: second }), workspaceId: second },
  ]
  const kinds = [
    '/v1/domains/{domain}',
    '/v1/mailboxes/{mailbox}',
    '/v1/workspaces/{workspace}',
    '/v1/sequencers/{sequencer}',
    '/v1/exports/{export}',
    '/v1/domain-tags/{tag}',
    '/v1/setups/{setup}',
    '/v1/webhooks/{webhook}',
    '/v1/domains/{domain}/records/{record}',
    '/v1/members/{member}',
    '/v1/invitations/{invitation}',
    '/v1/mailboxes/{mailbox}/messages/{message}',
    '/v1/mailboxes/{mailbox}/threads/{thread}',
    '/v1/scheduled-mailboxes/{scheduled_mailbox}',
    '/v1/dns-hosts/{dns_host}',
    '/v1/domain-orders/{order}',
  ]
  targets = kinds.map((kind) => {
    const foreign = objects.byPath.get(kind)?.[0]?.foreign
    assert.ok(foreign, `the tenant has no ${kind}`)
    return foreign
  })
  marks = [...new Set([...targets, ...objects.secrets])].filter((mark) => mark.length > 5)
})
after(() => api[Symbol.asyncDispose]())

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi

/** The example with the tenant's ids, names and addresses in the place of its own. */
function pointedAt(value: unknown, target: string): unknown {
  const text = JSON.stringify(value ?? null)
    .replace(uuid, target)
    .replace(/sub_\w+/g, `sub_${target}`)
    .replace(/[\w.-]+@[\w-]+(?:\.[\w-]+)+/g, address)
    .replace(/(?<![@\w/.-])(?:[\w-]+\.)+(?:com|net|org|io|example)(?![\w/])/g, domain)
  return JSON.parse(text)
}

function textFor(name: string, target: string): string {
  if (/^(?:page|limit|offset|quantity|period_days|exportId)$/i.test(name)) return '1'
  if (/domain$/i.test(name) && !/id/i.test(name)) return domain
  if (/email|account/i.test(name)) return address
  return /id$|uid/i.test(name) ? target : 'x'
}

type Facts = {
  contract: Contract
  parameters: (operation: Operation) => readonly { name: string; in: string }[]
}

function requestsOf(
  vendor: 'inboxkit' | 'zapmail',
  { contract, parameters }: Facts,
  { key, workspaceId }: Stranger,
): Request[] {
  const bodies = (operation: Operation): readonly unknown[] =>
    operation.method === 'GET' ? [undefined] : operation.bodies.length === 0 ? [{}] : operation.bodies
  const all = contract.operations
    .filter(({ id }) => !asking.has(id))
    .flatMap((operation) =>
      targets.flatMap((target, at) =>
        // The tenant's own workspace, which a stranger may not name, with some of them.
        (at < 2 ? [workspaceId, api.scope.workspaceId] : [workspaceId]).flatMap((named) =>
          bodies(operation).map((body): Request => {
            const query = new URLSearchParams()
            for (const one of parameters(operation)) {
              if (one.in === 'query') query.set(one.name, textFor(one.name, target))
            }
            const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
              encodeURIComponent(textFor(name === 'order_id' ? 'id' : name, target)),
            )
            return {
              id: operation.id,
              method: operation.method,
              path: `/${vendor}${path}${query.size === 0 ? '' : `?${query}`}`,
              headers:
                vendor === 'inboxkit'
                  ? { authorization: `Bearer ${key}`, 'x-workspace-id': named }
                  : { 'x-auth-zapmail': key, 'x-workspace-key': named, 'x-service-provider': 'GOOGLE' },
              body: body === undefined ? undefined : pointedAt(body, target),
            }
          }),
        ),
      ),
    )
  // Where an operation names nothing, one call is like the others.
  return [...new Map(all.map((request) => [JSON.stringify(request), request])).values()]
}

/** @returns what is wrong with a reply. */
function wrongIn({ path, headers, body }: Request, { status, text }: Reply): string | null {
  const known = JSON.stringify([path, headers, body ?? null])
  const found = marks.filter((mark) => text.includes(mark) && !known.includes(mark))
  if (found.length > 0) return `has ${found.join(', ')}: ${text.slice(0, 300)}`
  return status >= 500 && status !== 503 ? `${status} ${text.slice(0, 300)}` : null
}

for (const vendor of ['inboxkit', 'zapmail'] as const) {
  test(`${vendor}: nothing of another’s comes back or is touched`, async () => {
    const contract = loadContract(vendor)
    const { default: document } = await import(`./contracts/${vendor}.json`, { with: { type: 'json' } })
    const facts: Facts = {
      contract,
      parameters: ({ method, path }) =>
        Object(Object(document.paths)[path])[method.toLowerCase()].parameters ?? [],
    }
    const own = { name: 'the tenant', key: api.apiKey, workspaceId: api.scope.workspaceId }
    const seen: string[] = []
    const reads = requestsOf(vendor, facts, own).filter(({ id }) => /^(?:list|get|show)/.test(id))
    await inParallel(reads, async (request) => {
      const { method, path, headers, body } = request
      const reply = await call(api.base, '', method, path, { key: null, headers, body })
      if (wrongIn(request, reply)?.startsWith('has ')) seen.push(request.id)
    })
    assert.ok(new Set(seen).size >= 5, 'the tenant itself sees what a stranger must not')
    const rowsBefore = await tenantRows()
    const requests = strangers.flatMap((stranger) => requestsOf(vendor, facts, stranger))
    const wrong: string[] = []
    await inParallel(requests, async (request) => {
      const { method, path, headers, body } = request
      const reply = await call(api.base, '', method, path, { key: null, headers, body })
      const problem = wrongIn(request, reply)
      if (problem !== null)
        wrong.push(`${request.id} ${method} ${path} ${JSON.stringify(body ?? '')}: ${problem}`)
    })
    assert.deepEqual([...new Set(wrong)].slice(0, 20), [])
    assert.deepEqual(differences(rowsBefore, await tenantRows()), [])
  })
}
