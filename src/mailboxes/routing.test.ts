import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { connectDomain, deleteDomain, getDomain } from '../domains/domains.ts'
import { transaction } from '../platform/database.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { parseAddress } from './address.ts'
import { deleteMailbox, suspendMailbox } from './mailboxes.ts'
import { findRoute, findServedDomain, type Route } from './routing.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform
const ann = await t.createMailbox('ann@demo.test')
const tagged = await t.createMailbox('ann+vip@demo.test')
const quoted = await t.createMailbox('"ann lee"@demo.test')
const quotedTagged = await t.createMailbox('"ann lee+vip"@demo.test')

async function routeOf(text: string): Promise<Route | null> {
  const parsed = parseAddress(text)
  assert.ok(parsed.ok)
  return await findRoute(platform, parsed.value)
}

const rows: [text: string, mailboxId: string | null][] = [
  ['ann@demo.test', ann.mailboxId],
  ['ANN@demo.test', ann.mailboxId],
  ['ann+news@demo.test', ann.mailboxId],
  ['ann+news+more@demo.test', ann.mailboxId],
  ['ann+@demo.test', ann.mailboxId],
  ['ann+vip@demo.test', tagged.mailboxId], // the address itself comes before its base
  ['ann+VIP@demo.test', tagged.mailboxId],
  ['ann+vip+x@demo.test', ann.mailboxId],
  ['"ann lee+x"@demo.test', quoted.mailboxId],
  ['"ann lee+vip"@demo.test', quotedTagged.mailboxId], // also where the base comes first in the index
  ['+ann@demo.test', null],
  ['annx@demo.test', null],
  ['ann@other.test', null],
]
for (const [text, mailboxId] of rows) {
  test(`${text} reaches ${mailboxId === null ? 'nobody' : 'its mailbox'}`, async () => {
    assert.equal((await routeOf(text))?.mailboxId ?? null, mailboxId)
  })
}

test('a route says whose it is and whether it is served', async () => {
  assert.deepEqual(await routeOf('ann@demo.test'), {
    kind: 'mailbox',
    address: 'ann@demo.test',
    enabled: true,
    domainId: (await getDomain(platform, scope, 'demo.test')).id,
    mailboxId: ann.mailboxId,
    organizationId: scope.organizationId,
    workspaceId: scope.workspaceId,
    service: 'local',
    mailboxState: 'active',
    domainState: 'active',
  })
  await transaction(db, (tx) => suspendMailbox(platform, tx, scope, ann.mailboxId))
  const route = await routeOf('ann@demo.test')
  assert.equal(route?.mailboxId === null ? null : route?.mailboxState, 'suspended')
})

test('without its own mailbox an address falls back to its base', async () => {
  await transaction(db, (tx) => deleteMailbox(platform, tx, scope, tagged.mailboxId, { purge: true }))
  assert.equal((await routeOf('ann+vip@demo.test'))?.mailboxId, ann.mailboxId)
})

test('mail for a domain is ours until it is deleted', async () => {
  assert.equal((await findServedDomain(platform, 'demo.test')) !== null, true)
  assert.equal((await findServedDomain(platform, 'ours.example')) !== null, false)
  await transaction(db, (tx) => connectDomain(platform, tx, scope, 'ours.example'))
  assert.equal((await findServedDomain(platform, 'ours.example')) !== null, true)
  await transaction(db, (tx) => deleteDomain(platform, tx, scope, 'ours.example', async () => true))
  assert.equal((await findServedDomain(platform, 'ours.example')) !== null, false)
})
