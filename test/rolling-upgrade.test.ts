/**
 * A node goes on working while another, of a later version, brings the database forward: columns that it does not know
 * appear under the statements that it has prepared.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { tryLogin } from '../src/testing/log-in.ts'
import { at, type Reply, textAt } from '../src/testing/test-api.ts'
import { giveMoney, setPrice } from '../src/testing/test-billing.ts'
import { startTestVendor, type TestVendor } from '../src/testing/test-vendors.ts'

const password = 'correct-horse-42-battery'

let u: TestVendor

before(async () => {
  u = await startTestVendor('inboxkit', { environment: { MAILWRIGHT_BILLING: 'on' } })
  await setPrice(u.platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 5 })
  await giveMoney(u.platform, u.scope, 10_000)
})
after(() => u[Symbol.asyncDispose]())

test('a mailbox is bought, logged in to, sent from, read and listed under a schema that has grown', async () => {
  // Often enough that every connection has prepared what it is asked for.
  for (let round = 0; round < 8; round++) await work(`before-${round}`)
  const { rows: tables } = await sql<{ name: string }>`select c.oid::regclass::text as name from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`.execute(
    u.platform.db,
  )
  assert.ok(tables.length > 50)
  for (const { name } of tables) {
    await sql`alter table ${sql.raw(name)} add column of_a_later_version integer`.execute(u.platform.db)
  }
  for (let round = 0; round < 3; round++) await work(`after-${round}`)
})

async function work(name: string): Promise<void> {
  const address = `${name}@demo.test`
  const { json } = await done('POST', '/v1/mailboxes', { address, password })
  const uid = textAt(json, 'id')
  assert.equal((await tryLogin(u.platform, 'imap', address, password))?.mailboxId, uid)
  await done('POST', `/v1/mailboxes/${address}/messages`, { to: [address], subject: 'Hello', text: 'Hello.' })
  const messages = `/v1/mailboxes/${address}/messages`
  const received = await done('GET', `${messages}/wait?since=2000-01-01T00:00:00Z&timeout=20`)
  await done('GET', `${messages}/${textAt(received.json, 'message', 'id')}`)
  for (const path of [
    messages,
    '/v1/mailboxes',
    `/v1/mailboxes/${uid}/credentials`,
    '/v1/domains',
    '/v1/events',
  ]) {
    await done('GET', path)
  }
  const details = await u.operate('getMailboxDetails', { query: { uid } })
  assert.equal(at(details.json, 'mailbox', 'uid'), uid, details.text)
  assert.equal((await u.operate('listDomains')).status, 200)
}

async function done(method: string, path: string, body?: object): Promise<Reply> {
  const reply = await u.call(method, path, body === undefined ? {} : { body })
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`)
  return reply
}
