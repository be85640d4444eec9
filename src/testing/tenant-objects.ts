/** A tenant that has one of everything that a path of the API can name, and secrets that nobody else may read. */
import assert from 'node:assert/strict'
import { startCommitLane } from '../delivery/commit-lane.ts'
import { createDnsHost } from '../domains/dns-hosts/connections.ts'
import { createConnection } from '../mailboxes/engines/connections.ts'
import { scheduleMailboxes } from '../mailboxes/scheduled/scheduled-mailboxes.ts'
import { changeFlags, expungeDeleted } from '../messages/changes.ts'
import { flagBits } from '../messages/flags.ts'
import { transaction } from '../platform/database.ts'
import { createSequencer } from '../sequencers/connections.ts'
import { billingOf } from './tenant-billing.ts'
import { made, type Name, type Named } from './tenant-made.ts'
import { listAt, type TestApi, textAt } from './test-api.ts'
import { append, folderIdOf, inTransaction, mail } from './test-mail.ts'
import { loggedIn } from './test-members.ts'
import { plain, red } from './test-pictures.ts'
import { addresses, submit } from './test-sending.ts'

export type TenantObjects = {
  /** By the path up to the parameter, as in `/v1/mailboxes/{mailbox}/aliases/{alias}`. */
  byPath: ReadonlyMap<string, readonly Named[]>
  /** The same for what a body or a query can name, by the name of the property. */
  byProperty: ReadonlyMap<string, Named>
  /** Texts that no reply to another, and none to who may only read, may have. */
  secrets: readonly string[]
  /** Of an owner of the organization. */
  ownerId: string
}

export const unknownId = '00000000-0000-7000-8000-000000000000'

const domain = '/v1/domains/demo.test'
const mailbox = '/v1/mailboxes/ann@demo.test'

/** Makes them for the tenant of the bootstrap, which runs the platform, too. */
export async function makeTenantObjects(api: TestApi): Promise<TenantObjects> {
  const { workspaceId } = api.scope
  const secrets: string[] = []
  const byPath = new Map<string, readonly Named[]>()
  const named = (path: string, foreign: string, name?: Named): void => {
    byPath.set(path, [{ foreign, unknown: unknownId }, ...(name ? [name] : [])])
  }
  const called = (path: string, foreign: string, unknown: string): void => {
    byPath.set(path, [{ foreign, unknown }])
  }

  const batch = await made(api, 'POST', '/v1/mailboxes', { mailboxes: [{ address: 'ann@demo.test' }] })
  const mailboxId = textAt(batch, 'data', 0, 'mailbox', 'id')
  secrets.push(textAt(await made(api, 'GET', `${mailbox}/credentials`), 'password'))
  named('/v1/workspaces/{workspace}', workspaceId)
  named('/v1/batches/{batch}', textAt(batch, 'batch_id'))
  named('/v1/mailboxes/{mailbox}', mailboxId, { foreign: 'ann@demo.test', unknown: 'bob@demo.test' })
  named('/v1/domains/{domain}', textAt(await made(api, 'GET', domain), 'id'), {
    foreign: 'demo.test',
    unknown: 'none.test',
  })

  const appPassword = await made(api, 'POST', `${mailbox}/app-passwords`, { name: 'phone' })
  secrets.push(textAt(appPassword, 'password'))
  named('/v1/mailboxes/{mailbox}/app-passwords/{app_password}', textAt(appPassword, 'id'))
  await made(api, 'POST', `${mailbox}/aliases`, { address: 'annie@demo.test' })
  called('/v1/mailboxes/{mailbox}/aliases/{alias}', 'annie@demo.test', 'nobody@demo.test')
  await made(api, 'PUT', `${mailbox}/filters/first-filter`, { script: 'keep;' })
  called('/v1/mailboxes/{mailbox}/filters/{filter}', 'first-filter', 'no-filter')
  named('/v1/mailboxes/{mailbox}/deleted-messages/{message}', await deletedMessage(api, mailboxId))
  const { id: messageId, threadId } = await keptMessage(api, mailboxId)
  named('/v1/mailboxes/{mailbox}/messages/{message}', messageId)
  called('/v1/mailboxes/{mailbox}/messages/{message}/attachments/{number}', '1', '2')
  named('/v1/mailboxes/{mailbox}/threads/{thread}', threadId)
  named('/v1/mailboxes/{mailbox}/folders/{folder}', await madeFolder(api))
  named('/v1/mailboxes/{mailbox}/imports/{import}', await waitingImport(api))
  await unsent(api, named, called)
  const picture = (await plain(red).png().toBuffer()).toString('base64')
  await made(api, 'PUT', `${mailbox}/picture`, { content_base64: picture })
  secrets.push(textAt(await made(api, 'POST', `${mailbox}/totp`, {}), 'secret'))
  for (const level of ['mailboxes/{mailbox}', 'domains/{domain}', 'workspaces/{workspace}']) {
    const path = `/v1/${level}/sender-lists`
    const own = path.replace(/\{(\w+)\}/, (_, name) =>
      name === 'mailbox' ? mailboxId : name === 'domain' ? 'demo.test' : workspaceId,
    )
    const entries = [{ kind: 'block', pattern: 'first-spam@example.org' }]
    named(`${path}/{entry}`, textAt(await made(api, 'POST', own, { entries }), 'data', 0, 'id'))
  }

  await made(api, 'POST', `${domain}/forwards`, { address: 'fwd@demo.test', targets: ['ann@demo.test'] })
  called('/v1/domains/{domain}/forwards/{forward}', 'fwd@demo.test', 'none@demo.test')
  await made(api, 'PUT', `${domain}/catch-all`, { mailbox: mailboxId })
  const second = await made(api, 'POST', '/v1/domains', { name: 'second.test' })
  await made(api, 'POST', `${domain}/aliases`, { domain: 'second.test' })
  named('/v1/domains/{domain}/aliases/{alias}', textAt(second, 'id'), {
    foreign: 'second.test',
    unknown: 'none.test',
  })
  named('/v1/domains/{domain}/records/{record}', await record(api))

  const apiKey = await made(api, 'POST', '/v1/api-keys', { name: 'own' })
  secrets.push(textAt(apiKey, 'token'))
  named('/v1/api-keys/{api_key}', textAt(apiKey, 'id'))
  const suppression = await made(api, 'POST', '/v1/suppressions', { address: 'sup@example.org' })
  named('/v1/suppressions/{suppression}', textAt(suppression, 'id'), {
    foreign: 'sup@example.org',
    unknown: 'none@example.org',
  })
  const identity = await made(api, 'POST', '/v1/identities', { handle: 'first-agent' })
  named('/v1/identities/{identity}', textAt(identity, 'id'), {
    foreign: 'first-agent',
    unknown: 'no-such-agent',
  })
  const person = { email: 'guest@people.example', role: 'member' }
  named('/v1/invitations/{invitation}', textAt(await made(api, 'POST', '/v1/invitations', person), 'id'))
  const member = await loggedIn(api, 'viewer')
  named('/v1/members/{member}', member.id, { foreign: member.email, unknown: 'nobody@people.example' })
  const limit = { per: 'workspace', workspace_id: workspaceId, mailboxes_max: 1000 }
  named('/v1/mailbox-limits/{limit}', textAt(await made(api, 'PUT', '/v1/mailbox-limits', limit), 'id'))
  const asked = { mailboxes: [{ address: 'asked@demo.test' }] }
  const request = await made(api, 'POST', '/v1/mailbox-requests', asked)
  named('/v1/mailbox-requests/{request}', textAt(request, 'data', 0, 'request', 'id'))
  named('/v1/scheduled-mailboxes/{scheduled_mailbox}', await scheduledMailbox(api))
  const relay = { host: 'relay.example', username: 'first', password: 'secret of the relay' }
  secrets.push(relay.password)
  named('/v1/relays/{relay}', textAt(await made(api, 'POST', '/v1/relays', relay), 'id'))

  await elsewhere(api, secrets, named)
  await exported(api, secrets, named, mailboxId)
  await registered(api, named)
  await operated(api, secrets, named, called)
  await billingOf(api, named)
  named('/v1/approvals/{approval}', await heldMessage(api))
  named('/v1/outbound/{outbound}', await queuedRecipient(api, mailboxId))
  const log = await made(api, 'GET', '/v1/audit-log?action=mailbox.')
  named('/v1/audit-log/{entry}', textAt(log, 'data', 0, 'id'))
  await subscribed(api, secrets, named)
  const byProperty = await propertiesOf(api, byPath)
  const all = [...byPath.values()].flat().concat([...byProperty.values()])
  for (const text of [...secrets, ...all.map(({ foreign }) => foreign)]) {
    assert.ok(!['', 'undefined', 'null'].includes(text), 'a reply had no such member')
  }
  return { byPath, byProperty, secrets, ownerId: (await loggedIn(api, 'owner')).id }
}

async function scheduledMailbox({ platform, scope }: TestApi): Promise<string> {
  const item = {
    localPart: 'later',
    domain: 'demo.test',
    firstName: 'Ann',
    lastName: '',
    product: 'google' as const,
  }
  const [made] = await transaction(platform.db, (tx) => scheduleMailboxes(platform, tx, scope, [item]))
  return made?.id ?? ''
}

/** What bodies and queries name. A property that may hold an id of another's belongs here. */
async function propertiesOf(
  api: TestApi,
  byPath: TenantObjects['byPath'],
): Promise<TenantObjects['byProperty']> {
  const folders = await made(api, 'GET', `${mailbox}/folders`)
  const search = await made(api, 'POST', '/v1/domains/search', { names: ['quoted.test'] })
  const ofPath = (path: string): string => byPath.get(path)?.[0]?.foreign ?? ''
  const ids = {
    batch: ofPath('/v1/batches/{batch}'),
    contact_id: ofPath('/v1/contacts/{contact}'),
    dns_host_id: ofPath('/v1/dns-hosts/{dns_host}'),
    domain: ofPath('/v1/domains/{domain}'),
    domain_id: ofPath('/v1/domains/{domain}'),
    folder_id: textAt(folders, 'data', 0, 'id'),
    identity_ids: ofPath('/v1/identities/{identity}'),
    ids: ofPath('/v1/mailboxes/{mailbox}/deleted-messages/{message}'),
    mailbox: ofPath('/v1/mailboxes/{mailbox}'),
    mailbox_id: ofPath('/v1/mailboxes/{mailbox}'),
    mailbox_ids: ofPath('/v1/mailboxes/{mailbox}'),
    message_id: ofPath('/v1/mailboxes/{mailbox}/messages/{message}'),
    organization_id: api.scope.organizationId,
    sequencer_id: ofPath('/v1/sequencers/{sequencer}'),
    quote_id: textAt(search, 'data', 0, 'quote_id'),
    thread: ofPath('/v1/mailboxes/{mailbox}/threads/{thread}'),
    tsig_key: ofPath('/v1/tsig-keys/{tsig_key}'),
    workspace_id: api.scope.workspaceId,
    workspace_ids: api.scope.workspaceId,
  }
  return new Map(
    Object.entries(ids).map(([name, foreign]) => [name, { foreign, unknown: unknownId }] as const),
  )
}

async function waitingImport(api: TestApi): Promise<string> {
  const headers = { 'content-type': 'message/rfc822' }
  const reply = await api.call('POST', `${mailbox}/imports`, {
    headers,
    body: 'Subject: imported\r\n\r\nhello\r\n',
  })
  return textAt(reply.json, 'id')
}

type Called = (path: string, foreign: string, unknown: string) => void

/** Connections, made past the API, which would ask the vendors. */
async function elsewhere(api: TestApi, secrets: string[], named: Name): Promise<void> {
  const { platform, scope } = api
  const secret = 'secret of a vendor'
  secrets.push(secret)
  const host = { name: 'x', kind: 'cloudflare' as const, settings: {}, secret }
  const connection = {
    name: 'own',
    service: 'google' as const,
    settings: { admin_email: 'admin@demo.test', client_email: 'robot@demo.test' },
    secret,
    isDefault: null,
  }
  const [dnsHost, service] = await transaction(platform.db, async (tx) => [
    await createDnsHost(platform, tx, scope, host),
    await createConnection(platform, tx, scope, connection),
  ])
  named('/v1/dns-hosts/{dns_host}', textAt(dnsHost, 'id'))
  named('/v1/service-connections/{service_connection}', textAt(service, 'id'))
}

/** A connection to a sequencer, made past the API, which would ask it, and a file. */
async function exported(api: TestApi, secrets: string[], named: Name, mailboxId: string): Promise<void> {
  const { platform, scope } = api
  const key = 'key of a sequencer'
  secrets.push(key)
  const wanted = { name: 'own', platform: 'smartlead' as const, settings: {}, key }
  const { id } = await transaction(platform.db, (tx) => createSequencer(platform, tx, scope, wanted))
  named('/v1/sequencers/{sequencer}', id)
  const file = await made(api, 'POST', '/v1/exports', { platform: 'manual', mailboxes: [mailboxId] })
  named('/v1/exports/{export}', textAt(file, 'id'))
  const domains = [{ name: 'demo.test', mailboxes: [] }]
  named('/v1/setups/{setup}', textAt(await made(api, 'POST', '/v1/setups', { domains }), 'id'))
}

/** What it has at registrars. */
async function registered(api: TestApi, named: Name): Promise<void> {
  const contact = await made(api, 'POST', '/v1/contacts', firstContact)
  named('/v1/contacts/{contact}', textAt(contact, 'id'))
  const tag = await made(api, 'POST', '/v1/domain-tags', { name: 'own' })
  named('/v1/domain-tags/{tag}', textAt(tag, 'id'))
  named('/v1/domains/{domain}/tags/{tag}', textAt(tag, 'id'))
  const batch = await made(api, 'POST', '/v1/domains', { domains: [{ name: 'batch.example' }] })
  named('/v1/domain-batches/{batch}', textAt(batch, 'batch_id'))
  const order = await made(api, 'POST', '/v1/domains/register', {
    name: 'bought.test',
    expected_price: { amount: 1000, currency: 'USD' },
  })
  named('/v1/domain-orders/{order}', textAt(order, 'order', 'id'))
}

export const firstContact = {
  first_name: 'Ann',
  last_name: 'Lee',
  email: 'ann@example.org',
  phone: '+49.301234567',
  address1: 'Street 1',
  city: 'Berlin',
  zip: '10115',
  country: 'DE',
}

/** What holds for the whole platform. */
async function operated(
  api: TestApi,
  secrets: string[],
  named: Name,
  called: (path: string, foreign: string, unknown: string) => void,
): Promise<void> {
  const key = await made(api, 'POST', '/v1/tsig-keys', { name: 'first-key' })
  secrets.push(textAt(key, 'secret'))
  named('/v1/tsig-keys/{tsig_key}', textAt(key, 'id'))
  const byAddress = { name: 'ns3', address: '192.0.2.53', allow_by_address: true }
  const secondary = await made(api, 'POST', '/v1/dns-secondaries', byAddress)
  named('/v1/dns-secondaries/{dns_secondary}', textAt(secondary, 'id'))
  await made(api, 'PUT', '/v1/domain-markups/first', { currency: 'USD', fixed_amount: 1 })
  called('/v1/domain-markups/{tld}', 'first', 'nowhere')
  await made(api, 'PUT', '/v1/destinations/first.example', { connections_max: 7 })
  called('/v1/destinations/{domain}', 'first.example', 'none.example')
}

/** A message that can be read, with an attachment. */
async function keptMessage(api: TestApi, mailboxId: string): Promise<{ id: string; threadId: string }> {
  const inboxId = await folderIdOf(api.platform, mailboxId, 'INBOX')
  const file = 'Content-Type: application/pdf\r\nContent-Disposition: attachment\r\n\r\nfile of the first'
  const raw = `Subject: first\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n${file}\r\n--b--`
  const [message] = await append(api.platform, { ...api.scope, mailboxId }, inboxId, [Buffer.from(raw)])
  assert.ok(message)
  return message
}

/** A webhook with a delivery; nobody is asked, as the name has no address. */
async function subscribed(api: TestApi, secrets: string[], named: Name): Promise<void> {
  const body = { url: 'https://hooks.first.example/', headers: { 'x-key': 'header of a webhook' } }
  const webhook = await made(api, 'POST', '/v1/webhooks', body)
  const path = `/v1/webhooks/${textAt(webhook, 'id')}`
  secrets.push(textAt(webhook, 'secret'), body.headers['x-key'])
  named('/v1/webhooks/{webhook}', textAt(webhook, 'id'))
  const ping = await made(api, 'POST', `${path}/test`)
  named('/v1/webhooks/{webhook}/deliveries/{delivery}', textAt(ping, 'delivery_id'))
}

/** A folder that is not one of the standard ones. */
async function madeFolder(api: TestApi): Promise<string> {
  return textAt(await made(api, 'POST', `${mailbox}/folders`, { path: 'First folder' }), 'id')
}

/** A message that can be restored. */
async function deletedMessage(api: TestApi, mailboxId: string): Promise<string> {
  const { platform } = api
  const owner = { ...api.scope, mailboxId }
  const inboxId = await folderIdOf(platform, mailboxId, 'INBOX')
  await append(platform, owner, inboxId, [mail({ text: 'first mail' })])
  await inTransaction(platform, async (tx) => {
    const marked = { mode: 'add', flags: flagBits.deleted, keywords: [] } as const
    await changeFlags(platform, tx, owner, inboxId, [{ first: 1, last: 1 }], marked)
    await expungeDeleted(platform, tx, owner, inboxId, null)
  })
  const removed = listAt(await made(api, 'GET', `${mailbox}/deleted-messages`), 'data')
  return textAt(removed, 0, 'id')
}

/** A draft with an attachment, and a message that waits for its time. */
async function unsent(api: TestApi, named: Name, called: Called): Promise<void> {
  const attachments = [{ filename: 'a.txt', content_base64: 'AAAA' }]
  const draft = await made(api, 'POST', `${mailbox}/drafts`, { to: ['ann@demo.test'], attachments })
  named('/v1/mailboxes/{mailbox}/drafts/{draft}', textAt(draft, 'id'))
  called('/v1/mailboxes/{mailbox}/drafts/{draft}/attachments/{number}', '1', '99')
  const sendAt = new Date(api.platform.clock.now().getTime() + 24 * 3600 * 1000).toISOString()
  const later = await made(api, 'POST', `${mailbox}/messages`, { to: ['ann@demo.test'], send_at: sendAt })
  named('/v1/mailboxes/{mailbox}/scheduled/{scheduled}', textAt(later, 'scheduled_id'))
}

/** As if the zone of the domain had been delegated to us. */
export async function serveZone(api: TestApi, name: string): Promise<void> {
  await api.platform.db.updateTable('domains').set({ dns_mode: 'served' }).where('name', '=', name).execute()
}

/** A record of its own in a zone that this platform serves. */
async function record(api: TestApi): Promise<string> {
  await serveZone(api, 'demo.test')
  const body = { name: 'shop', type: 'A', value: '192.0.2.1' }
  return textAt(await made(api, 'POST', `${domain}/records`, body), 'id')
}

/** A message that waits for an approval. */
async function heldMessage(api: TestApi): Promise<string> {
  await made(api, 'PUT', `${mailbox}/delivery-policy`, { sending_mode: 'approve' })
  await made(api, 'POST', '/v1/mailboxes', { address: 'held@demo.test' })
  const body = { to: ['held@demo.test'], subject: 'first held', text: 'first held text' }
  const sent = await made(api, 'POST', `${mailbox}/messages`, body)
  await made(api, 'PUT', `${mailbox}/delivery-policy`, {})
  return textAt(sent, 'approval_id')
}

/** A recipient in its queue. */
async function queuedRecipient(api: TestApi, mailboxId: string): Promise<string> {
  const lane = startCommitLane(api.platform)
  await submit(api.platform, lane, { ...api.scope, mailboxId }, addresses(1))
  await lane.stop()
  return textAt(await made(api, 'GET', '/v1/outbound'), 'data', 0, 'id')
}
