/** The ordinary life of domains and mailboxes by a client as the vendor's users write one, over a socket of the whole server. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ImapFlow } from 'imapflow'
import { type Server, startServer } from '../src/server.ts'
import { addressOf } from '../src/testing/child-server.ts'
import { loadContract } from '../src/testing/contract.ts'
import { at, call, listAt, type Reply, textAt } from '../src/testing/test-api.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { startTestDns, type TestDns } from '../src/testing/test-dns.ts'
import { testApiKey, testConfig } from '../src/testing/test-platform.ts'

const stack = new AsyncDisposableStack()
const contract = loadContract('inboxedup')
const names = ['life.example', 'box.test']

let dns: TestDns
let server: Server
let key: string

before(async () => {
  dns = stack.use(await startTestDns())
  server = stack.use(
    await startServer(
      testConfig({
        MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
        DATABASE_URL: await migratedDatabase(stack),
        MAILWRIGHT_RESOLVER: dns.resolver,
        MAILWRIGHT_HOSTNAME: 'mx.platform.example',
        MAILWRIGHT_DNS_ZONE: 'dns.platform.example',
        MAILWRIGHT_BOOTSTRAP_EMAIL: 'ops@owner.example',
      }),
    ),
  )
  const made = await native('POST', '/v1/api-keys', { name: 'inboxedup client' })
  key = textAt(made.json, 'token')
})
after(() => stack.disposeAsync())

function native(method: string, path: string, body?: unknown): Promise<Reply> {
  return call(server.endpoints.http ?? '', testApiKey, method, path, { body })
}

/** What a client does: a path, a key, and `success` looked at. */
async function client(id: string, of = '', body?: unknown): Promise<unknown> {
  const { method, path } = contract.operation(id)
  const url = `/inboxedup${path.replace(/\{\w+\}/, of)}`
  const { json } = contract.check(id, await call(server.endpoints.http ?? '', key, method, url, { body }))
  assert.equal(at(json, 'success'), true)
  return json
}

/** Asks again until it is as wanted. */
async function poll(ask: () => Promise<unknown>, isSo: (json: unknown) => boolean): Promise<unknown> {
  for (;;) {
    const json = await ask()
    if (isSo(json)) return json
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

let batchId: string

test('domains are submitted: the sandbox is there at once, the other waits for its name servers', async () => {
  batchId = textAt(await client('submitDomains', '', { domains: names }), 'batchId')
  const batch = await poll(
    () => client('getBatchStatus', batchId),
    (json) => at(json, 'data', 'queued') === 0,
  )
  assert.deepEqual([at(batch, 'data', 'status'), at(batch, 'data', 'pending_ns')], ['PARTIAL', 1])
  assert.equal(listAt(batch, 'data', 'groups').length, 1)
})

test('the pair is set at the registrar, and the domain becomes active', async () => {
  const { data } = Object(await client('getBatchStatus', batchId))
  const [group] = data.groups
  const found = group.domains.find((one: unknown) => at(one, 'domain') === 'life.example')
  const before = await client('verifyDomainNsPropagation', found.id)
  assert.equal(at(before, 'data', 'verified'), false)
  dns.zone['life.example'] = { NS: [group.ns1, group.ns2] }
  const verified = await client('verifyDomainNsPropagation', found.id)
  assert.deepEqual([at(verified, 'data', 'verified'), at(verified, 'data', 'status')], [true, 'ACTIVE'])
  assert.equal(at(await client('getBatchStatus', batchId), 'data', 'status'), 'ACTIVE')
})

for (const domain of names) {
  test(`mailboxes of ${domain} are asked for, and log in`, async () => {
    const mailboxes = ['ada', 'ben'].map((name) => ({
      firstName: name,
      lastName: 'Ruiz',
      mailboxUsername: `${name}.ruiz`,
    }))
    const asked = await client('requestMailboxes', '', { domain, type: 'google', mailboxes })
    const request = await client('getMailboxRequest', textAt(asked, 'requestId'))
    assert.equal(at(request, 'data', 'status'), 'COMPLETED')
    const { json } = await native('GET', `/v1/mailboxes/ada.ruiz@${domain}/credentials`)
    const { host, port } = addressOf(server.endpoints.imap ?? '')
    const imap = new ImapFlow({
      host,
      port,
      secure: false,
      tls: { rejectUnauthorized: false },
      logger: false,
      auth: { user: textAt(json, 'username'), pass: textAt(json, 'password') },
    })
    await imap.connect()
    assert.ok((await imap.list()).some(({ path }) => path === 'INBOX'))
    await imap.logout()
  })
}

test('a domain is removed with its mailboxes, and the native API brings both back', async () => {
  const list = await client('listDomains')
  const id = listAt(list, 'data').map((one) =>
    at(one, 'domain') === 'life.example' ? textAt(one, 'id') : '',
  )
  await client('removeDomain', id.join(''))
  assert.equal(at(await client('listDomains'), 'data', 'length'), 1)
  const gone = await native('GET', '/v1/mailboxes/ada.ruiz@life.example')
  assert.equal(at(gone.json, 'state'), 'deletion_scheduled')
  const requests = listAt(await client('listMailboxRequests'), 'data')
  assert.deepEqual(
    requests.map((one) => at(one, 'domainStatus')),
    ['ACTIVE', 'FAILED'],
  )
  assert.equal((await native('POST', '/v1/domains/life.example/restore')).status, 200)
  assert.equal(at(await client('listDomains'), 'data', 'length'), 2)
  const account = await client('getAccountOverview')
  assert.deepEqual(at(account, 'data', 'allocations', 1, 'used'), 4)
})
