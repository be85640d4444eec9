/** The ordinary life of mailboxes by the vendor's own client core, over a socket of the whole server. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { Errors } from '@scaleway/sdk-client'
import { ImapFlow } from 'imapflow'
import { type Server, startServer } from '../src/server.ts'
import { addressOf } from '../src/testing/child-server.ts'
import {
  type MailboxApi,
  type SdkDomain,
  type SdkMailbox,
  scalewayClient,
} from '../src/testing/scaleway-sdk.ts'
import { sendLoad } from '../src/testing/smtp-load.ts'
import { at, call, listAt, type Reply, textAt } from '../src/testing/test-api.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { startTestDns, type TestDns } from '../src/testing/test-dns.ts'
import { testApiKey, testConfig } from '../src/testing/test-platform.ts'
import { startTestScaleway } from '../src/testing/test-scaleway.ts'

const stack = new AsyncDisposableStack()
const dialectHost = 'api.scw.example'
const name = 'life.example'
const password = 'correct-horse-42-battery'

let dns: TestDns
let server: Server
let sdk: MailboxApi
let domain: SdkDomain
let mailbox: SdkMailbox

before(async () => {
  dns = stack.use(await startTestDns())
  server = stack.use(
    await startServer(
      testConfig({
        MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
        DATABASE_URL: await migratedDatabase(stack),
        MAILWRIGHT_RESOLVER: dns.resolver,
        MAILWRIGHT_HOSTNAME: 'mx.platform.example',
        MAILWRIGHT_DIALECT_HOSTS: `${dialectHost}=scaleway`,
      }),
    ),
  )
  sdk = await clientWith({})
})
after(() => stack.disposeAsync())

function native(method: string, path: string, body?: unknown): Promise<Reply> {
  return call(server.endpoints.http ?? '', testApiKey, method, path, { body })
}

function dialectUrl(): string {
  return `${(server.endpoints.http ?? '').replace(/\/$/, '')}/scaleway`
}

/** A client with a key of its own, which the native API made. */
async function clientWith(more: object): Promise<MailboxApi> {
  const made = await native('POST', '/v1/api-keys', { name: 'sdk', format: 'scaleway', ...more })
  assert.equal(made.status, 201, made.text)
  const [accessKey, secretKey] = [textAt(made.json, 'access_key'), textAt(made.json, 'token')]
  return scalewayClient(dialectUrl(), { accessKey, secretKey })
}

/** Publishes the records as their owner would. */
function publish(records: Awaited<ReturnType<MailboxApi['getDomainRecords']>>): void {
  for (const { level, dnsType, dnsName, dnsValue } of Object.values(records)) {
    const at = dnsName.replace(/\.$/, '')
    const [priority = '', target = ''] = dnsValue.split(' ')
    if (dnsType === 'txt_dns_type') dns.zone[at] = { ...dns.zone[at], TXT: [dnsValue] }
    if (dnsType === 'mx_dns_type')
      dns.zone[at] = { ...dns.zone[at], MX: [[Number(priority), target.replace(/\.$/, '')]] }
    assert.ok(['required', 'recommended', 'optional'].includes(level))
  }
}

const soon = { minDelay: 1, maxDelay: 1, timeout: 60 }

test('a domain is registered, its records are published and validated', async () => {
  const created = await sdk.createDomain({ name })
  assert.equal(created.status, 'creating')
  domain = await sdk.waitForDomain(created.id, soon)
  assert.equal(domain.status, 'waiting_validation')
  assert.deepEqual([domain.imapUrl, domain.smtpUrl], ['mx.platform.example', 'mx.platform.example'])
  const records = await sdk.getDomainRecords(domain.id)
  const slots = [
    'autoconfig',
    'autodiscover',
    'dkim',
    'dmarc',
    'domain_validation',
    'imap',
    'mx',
    'pop3',
    'spf',
    'submission',
  ]
  assert.deepEqual(Object.keys(records).sort(), slots)
  assert.equal(records['mx']?.dnsValue, '10 mx.platform.example.')
  assert.match(records['dkim']?.dnsValue ?? '', /^v=DKIM1;.*k=rsa/)
  dns.zone[name] = { MX: [[5, 'mx.other.example']] }
  assert.equal(await sdk.validateDomainRecords(domain.id), undefined)
  assert.equal((await sdk.getDomain(domain.id)).status, 'waiting_validation')
  const seen = await sdk.getDomainRecords(domain.id)
  assert.deepEqual([seen['mx']?.status, seen['domain_validation']?.status], ['invalid', 'not_found'])
  assert.match(seen['mx']?.error ?? '', /^found .*mx\.other\.example/)
  dns.zone = {}
  publish(records)
  await sdk.validateDomainRecords(domain.id)
  domain = await sdk.waitForDomain(domain.id, soon)
  assert.equal(domain.status, 'ready')
  const valid = await sdk.getDomainRecords(domain.id)
  assert.deepEqual([valid['mx']?.status, valid['mx']?.error], ['valid', undefined])
})

test('mailboxes are made by the batch, and found by their address', async () => {
  const made = await sdk.batchCreateMailboxes({
    domainId: domain.id,
    subscriptionPeriod: 'monthly',
    mailboxes: ['ines.moreau', 'hello', 'third'].map((localPart) => ({ localPart, password })),
  })
  assert.deepEqual(
    made.map(({ email }) => email),
    [`ines.moreau@${name}`, `hello@${name}`, `third@${name}`],
  )
  mailbox = await sdk.waitForMailbox(made[0]?.id ?? '', soon)
  assert.equal(mailbox.status, 'ready')
  const found = await sdk.listMailboxes({
    search: mailbox.email,
    domainId: domain.id,
    statuses: ['ready', 'locked'],
  })
  assert.deepEqual(found.mailboxes, [mailbox])
  const all = await sdk.listMailboxes({ pageSize: 2, orderBy: 'email_asc' }).all()
  assert.deepEqual(
    all.map(({ email }) => email),
    [`hello@${name}`, `ines.moreau@${name}`, `third@${name}`],
  )
  assert.equal((await sdk.getDomain(domain.id)).mailboxTotalCount, 3)
})

test('an alias takes mail by SMTP, which the mailbox has by IMAP and the native API', async () => {
  const alias = await sdk.createAlias({
    mailboxId: mailbox.id,
    localPart: 'billing',
    description: 'Invoices',
  })
  assert.equal(alias.email, `billing@${name}`)
  let left = 1
  const { accepted, refusals } = await sendLoad({
    ...addressOf(server.endpoints.smtp),
    sessions: 1,
    next: () => (left-- > 0 ? { recipient: alias.email, data: letter(alias.email) } : null),
  })
  assert.deepEqual({ accepted, refusals }, { accepted: 1, refusals: [] })
  const imap = await logIn(password)
  assert.equal((await imap.mailboxOpen('INBOX')).exists, 1)
  const message = await imap.fetchOne('1', { envelope: true })
  assert.ok(message)
  assert.equal(message.envelope?.subject, 'Your invoice')
  await imap.logout()
  const messages = await native('GET', `/v1/mailboxes/${mailbox.id}/messages`)
  assert.equal(at(messages.json, 'data', 0, 'subject'), 'Your invoice')
  assert.equal((await sdk.updateAlias(alias.id, 'Invoices and quotes')).description, 'Invoices and quotes')
  assert.deepEqual(await sdk.listAliases({ mailboxId: mailbox.id }).all(), [await sdk.getAlias(alias.id)])
  assert.equal((await sdk.deleteAlias(alias.id)).status, 'deleting')
  await assert.rejects(sdk.getAlias(alias.id), Errors.ResourceNotFoundError)
})

function letter(to: string): string {
  return [`From: Bob <bob@sender.test>`, `To: ${to}`, 'Subject: Your invoice', '', 'Hello'].join('\r\n')
}

async function logIn(pass: string): Promise<ImapFlow> {
  const client = new ImapFlow({
    ...addressOf(server.endpoints.imap),
    secure: false,
    tls: { rejectUnauthorized: false },
    auth: { user: mailbox.email, pass },
    logger: false,
  })
  await client.connect()
  return client
}

test('a new password holds at once, the old one no more', async () => {
  const changed = await sdk.updateMailbox(mailbox.id, { newPassword: 'purple-monkey-77-dish' })
  assert.equal(changed.status, 'ready')
  await (await logIn('purple-monkey-77-dish')).logout()
  await assert.rejects(logIn(password))
})

test('another period begins at the end of the present one, and a cancellation is taken back', async () => {
  const yearly = await sdk.updateMailbox(mailbox.id, { subscriptionPeriod: 'yearly' })
  assert.deepEqual([yearly.subscriptionPeriod, yearly.nextSubscriptionPeriod], ['monthly', 'yearly'])
  const canceled = await sdk.updateMailbox(mailbox.id, { subscriptionPeriod: 'canceled' })
  assert.deepEqual([canceled.status, canceled.nextSubscriptionPeriod], ['ready', 'canceled'])
  const kept = await sdk.updateMailbox(mailbox.id, { subscriptionPeriod: 'monthly' })
  assert.equal(kept.nextSubscriptionPeriod, 'unknown_subscription_period')
  assert.deepEqual(kept.nextSubscriptionPeriodStartsAt, mailbox.nextSubscriptionPeriodStartsAt)
})

test('the native API sees the same mailbox', async () => {
  const seen = await sdk.getMailbox(mailbox.id)
  const { json } = await native('GET', `/v1/mailboxes/${mailbox.email}`)
  const moment = (field: string): Date | undefined => {
    const value = at(json, field)
    return typeof value === 'string' ? new Date(value) : undefined
  }
  assert.deepEqual(
    [seen.id, seen.email, seen.domainId, seen.subscriptionPeriod, seen.createdAt, seen.updatedAt],
    [
      at(json, 'id'),
      at(json, 'address'),
      at(json, 'domain_id'),
      at(json, 'period'),
      moment('created_at'),
      moment('updated_at'),
    ],
  )
  assert.equal(at(json, 'state'), 'active')
  const ends = moment('period_ends_at')?.setMilliseconds(0)
  assert.equal(seen.nextSubscriptionPeriodStartsAt?.getTime(), ends)
  await native('POST', `/v1/mailboxes/${mailbox.id}/suspend`, {})
  assert.equal((await sdk.getMailbox(mailbox.id)).status, 'locked')
  await native('POST', `/v1/mailboxes/${mailbox.id}/resume`, {})
  assert.equal((await sdk.getMailbox(mailbox.id)).status, 'ready')
})

test('a deletion is scheduled and taken back, by restore or by a new period', async () => {
  const deleted = await sdk.deleteMailbox(mailbox.id)
  assert.equal(deleted.status, 'deletion_scheduled')
  assert.ok(deleted.deletionScheduledAt !== undefined && deleted.deletionScheduledAt > new Date())
  await assert.rejects(logIn('purple-monkey-77-dish'))
  await assert.rejects(sdk.deleteMailbox(mailbox.id), Errors.TransientStateError)
  await sdk.restoreMailbox(mailbox.id)
  const restored = await sdk.waitForMailbox(mailbox.id, soon)
  assert.deepEqual([restored.status, restored.deletionScheduledAt], ['ready', undefined])
  await sdk.deleteMailbox(mailbox.id)
  const renewed = await sdk.updateMailbox(mailbox.id, { subscriptionPeriod: 'yearly' })
  assert.deepEqual([renewed.status, renewed.nextSubscriptionPeriod], ['ready', 'yearly'])
  await (await logIn('purple-monkey-77-dish')).logout()
})

const unknownId = '00000000-0000-4000-8000-000000000000'

test('refusals are the SDK’s typed errors, with what they tell', async () => {
  await assert.rejects(sdk.getMailbox(unknownId), (error: unknown) => {
    assert.ok(error instanceof Errors.ResourceNotFoundError)
    assert.deepEqual([error.status, error.resource, error.resourceId], [404, 'mailbox', unknownId])
    return true
  })
  await assert.rejects(sdk.createDomain({ name }), (error: unknown) => {
    assert.ok(error instanceof Errors.AlreadyExistsError)
    assert.deepEqual([error.status, error.resource, error.resourceId], [409, 'domain', name])
    return true
  })
  await assert.rejects(sdk.createDomain({ name: 'not a name' }), (error: unknown) => {
    assert.ok(error instanceof Errors.InvalidArgumentsError)
    assert.deepEqual([error.details[0]?.argumentName, error.details[0]?.reason], ['name', 'format'])
    return true
  })
  await assert.rejects(sdk.deleteDomain(domain.id), (error: unknown) => {
    assert.ok(error instanceof Errors.PreconditionFailedError)
    assert.equal(error.precondition, 'resource_still_in_use')
    return true
  })
  const reader = await clientWith({ access: 'read' })
  await assert.rejects(reader.deleteMailbox(mailbox.id), (error: unknown) => {
    assert.ok(error instanceof Errors.PermissionsDeniedError)
    assert.deepEqual(error.list, [{ action: 'write', resource: 'mailbox' }])
    return true
  })
  const nobody = scalewayClient(dialectUrl(), { accessKey: 'SCWXXXXXXXXXXXXXXXXX', secretKey: unknownId })
  await assert.rejects(nobody.listDomains(), (error: unknown) => {
    assert.ok(error instanceof Errors.DeniedAuthenticationError)
    assert.deepEqual([error.method, error.reason], ['api_key', 'not_found'])
    return true
  })
  await native('PUT', '/v1/mailbox-limits', { per: 'domain', domain_id: domain.id, mailboxes_max: 3 })
  const mailboxes = [{ localPart: 'fourth', password }]
  const making = sdk.batchCreateMailboxes({ domainId: domain.id, subscriptionPeriod: 'monthly', mailboxes })
  await assert.rejects(making, (error: unknown) => {
    assert.ok(error instanceof Errors.QuotasExceededError)
    const scope = { kind: 'project', id: domain.projectId }
    assert.deepEqual(error.list, [{ current: 3, quota: 3, resource: 'mailbox', scope }])
    return true
  })
})

test('one that asks too often hears how often it may', async () => {
  const slow = stack.use(await startTestScaleway({ requestsPerMinute: 1 }))
  const made = await slow.call('POST', '/v1/api-keys', { body: { name: 'sdk', format: 'scaleway' } })
  const [accessKey, secretKey] = [textAt(made.json, 'access_key'), textAt(made.json, 'token')]
  const asking = scalewayClient(`${slow.base}/scaleway`, { accessKey, secretKey })
  assert.deepEqual((await asking.listMailboxes()).mailboxes, [])
  await assert.rejects(asking.listMailboxes(), (error: unknown) => {
    assert.ok(error instanceof Errors.TooManyRequestsError)
    assert.deepEqual(error.limit, { quota: 1, windowSeconds: 60 })
    return true
  })
})

test('at a host of the dialect the path needs no prefix', async () => {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const url = new URL(`/mailbox/v1alpha1/mailboxes/${mailbox.id}`, server.endpoints.http ?? '')
  const headers = { host: dialectHost, 'x-auth-token': testApiKey }
  request(url, { headers }, (response) => {
    response.resume().on('end', () => resolve(response.statusCode))
  })
    .on('error', reject)
    .end()
  assert.equal(await promise, 200)
})

test('a domain goes with its last mailbox', async () => {
  for (const { id } of await sdk.listMailboxes({ domainId: domain.id }).all()) {
    await sdk.deleteMailbox(id)
    await native('DELETE', `/v1/mailboxes/${id}?purge=true`)
    await assert.rejects(sdk.getMailbox(id), Errors.ResourceNotFoundError)
  }
  assert.equal((await sdk.deleteDomain(domain.id)).status, 'deleting')
  await assert.rejects(sdk.waitForDomain(domain.id, soon), Errors.ResourceNotFoundError)
  assert.deepEqual(await sdk.listDomains().all(), [])
  assert.deepEqual(listAt((await native('GET', '/v1/domains')).json, 'data'), [])
})
