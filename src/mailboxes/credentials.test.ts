import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { createWorkspace } from '../accounts/workspaces.ts'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { tryLogin } from '../testing/log-in.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { type Credentials, changePassword, viewCredentials } from './credentials.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform
const mailbox = await t.createMailbox()
const stranger: Scope = {
  ...scope,
  workspaceId: (
    await transaction(db, (tx) => createWorkspace(platform, tx, scope.organizationId, { name: 'Other' }))
  ).id,
}
const readOnly: Scope = { ...scope, access: 'read' }

async function view(by = scope, ref = mailbox.address, on: Platform = platform): Promise<Credentials> {
  return await transaction(db, (tx) => viewCredentials(on, tx, by, ref))
}

async function change(chosen: string | null, by = scope, ref = mailbox.address): Promise<Credentials> {
  return await transaction(db, (tx) => changePassword(platform, tx, by, ref, chosen))
}

async function eventsOf(type: string): Promise<unknown[]> {
  const { rows } = await sql<{ data: unknown }>`
    select data from events where type = ${type} and mailbox_id = ${mailbox.mailboxId}
    order by events.xid, events.id`.execute(db)
  return rows.map(({ data }) => data)
}

test('a password is shown again, and every look is noted with who it was', async () => {
  const { username, password } = await view()
  assert.deepEqual([username, password], [mailbox.address, mailbox.password])
  assert.equal((await view(scope, mailbox.mailboxId)).password, mailbox.password)
  const look = { mailbox_id: mailbox.mailboxId, address: mailbox.address, by: scope.actor }
  assert.deepEqual(await eventsOf('mailbox.credentials_viewed'), [look, look])
})

test('who may only read, and who is elsewhere, sees nothing', async () => {
  await assert.rejects(view(readOnly), { code: 'forbidden' })
  await assert.rejects(view(stranger), { code: 'mailbox_not_found' })
  await assert.rejects(view({ ...scope, mailboxId: newId() }), { code: 'mailbox_not_found' })
  assert.equal((await view({ ...scope, mailboxId: mailbox.mailboxId })).password, mailbox.password)
  assert.equal((await eventsOf('mailbox.credentials_viewed')).length, 3)
})

test('a changed password is the one that logs in', async () => {
  assert.equal((await change('a new horse battery')).password, 'a new horse battery')
  assert.equal(await tryLogin(platform, 'imap', mailbox.address, mailbox.password), null)
  assert.ok(await tryLogin(platform, 'imap', mailbox.address, 'a new horse battery'))
  assert.equal((await view()).password, 'a new horse battery')
  assert.equal((await eventsOf('mailbox.password_changed')).length, 1)
})

test('a generated one is strong, and new each time', async () => {
  const [one, two] = [(await change(null)).password, (await change(null)).password]
  assert.notEqual(one, two)
  assert.ok(Buffer.from(two, 'base64url').length * 8 >= 128)
  assert.ok(await tryLogin(platform, 'smtp', mailbox.address, two))
})

test('a weak one, and one by who may not, change nothing', async () => {
  const { password } = await view()
  await assert.rejects(change('short'), { code: 'password_too_weak' })
  await assert.rejects(change(mailbox.address.split('@')[0] ?? ''), { code: 'password_too_weak' })
  await assert.rejects(change(null, readOnly), { code: 'forbidden' })
  await assert.rejects(change(null, stranger), { code: 'mailbox_not_found' })
  assert.equal((await view()).password, password)
})

test('no event and no column holds a password in the clear', async () => {
  await change('searched for in vain')
  const { rows } = await sql`
    select 1 from events where data::text like '%searched for in vain%'
    union all select 1 from mailbox_passwords where position('searched for in vain'::bytea in sealed_password) > 0
      or position('searched for in vain'::bytea in verifier) > 0`.execute(db)
  assert.deepEqual(rows, [])
})

const none = {
  imap: null,
  imaps: null,
  smtp: null,
  submission: null,
  submissions: null,
  pop3: null,
  pop3s: null,
}
const settings: [
  what: string,
  ports: Partial<Platform['ports']>,
  certFile: string | null,
  want: (string | null)[],
][] = [
  ['nothing listens', none, null, [null, null, null]],
  [
    'a generated certificate',
    { imap: 1, imaps: 2, submission: 3, submissions: 4 },
    null,
    ['1 starttls', '3 starttls', null],
  ],
  [
    'a real certificate',
    { imap: 1, imaps: 2, submission: 3, submissions: 4 },
    '/cert',
    ['2 tls', '4 tls', null],
  ],
  ['only TLS', { imaps: 2, submissions: 4, pop3s: 6 }, null, ['2 tls', '4 tls', '6 tls']],
  ['only STARTTLS', { imap: 1, submission: 3, pop3: 5 }, '/cert', ['1 starttls', '3 starttls', '5 starttls']],
  ['MX is not for clients', { smtp: 1 }, null, [null, null, null]],
]
for (const [what, ports, certFile, want] of settings) {
  test(`where clients connect: ${what}`, async () => {
    const config = { ...t.config, hostname: 'mail.example.test', tlsCertFile: certFile }
    const on = { ...platform, config, ports: { ...platform.ports, ...none, ...ports } }
    const { imap, smtp, pop3 } = await view(scope, mailbox.address, on)
    for (const one of [imap, smtp, pop3]) assert.ok(one === null || one.host === 'mail.example.test')
    assert.deepEqual(
      [imap, smtp, pop3].map((one) => one && `${one.port} ${one.security}`),
      want,
    )
  })
}
