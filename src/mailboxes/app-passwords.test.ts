import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import { tryLogin } from '../testing/log-in.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { startTestPlatform, type TestMailbox } from '../testing/test-platform.ts'
import { tellExpiredAppPasswords } from './app-password-expiry.ts'
import { appPasswordAsShown, generateAppPassword } from './app-password-text.ts'
import {
  appPasswordsPerMailboxMax,
  createAppPassword,
  getAppPassword,
  listAppPasswords,
  type NewAppPassword,
  revokeAppPassword,
  updateAppPassword,
  viewAppPassword,
} from './app-passwords.ts'
import { changePassword, viewCredentials } from './credentials.ts'
import { startLastUses } from './last-uses.ts'
import type { LoginProtocol } from './login.ts'
import { deleteMailbox } from './mailboxes.ts'
import { resealPasswords } from './reseal.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform
const mailbox = await t.createMailbox('ann@demo.test')

const plainOne: NewAppPassword = { name: 'phone', scopes: null, networks: null, expiresAt: null }

async function make(wanted: Partial<NewAppPassword> = {}, of: TestMailbox = mailbox, by: Scope = scope) {
  return await transaction(db, (tx) =>
    createAppPassword(platform, tx, by, of.address, { ...plainOne, name: newId(), ...wanted }),
  )
}

async function update(id: string, changes: Partial<NewAppPassword>, by: Scope = scope) {
  return await transaction(db, (tx) => updateAppPassword(platform, tx, by, mailbox.address, id, changes))
}

async function revoke(id: string, by: Scope = scope) {
  return await transaction(db, (tx) => revokeAppPassword(platform, tx, by, mailbox.address, id))
}

async function isIn(
  password: string,
  protocol: LoginProtocol = 'imap',
  from = '127.0.0.1',
): Promise<boolean> {
  return (await tryLogin(platform, protocol, mailbox.address, password, from)) !== null
}

async function eventsOf(type: string, appPasswordId: string): Promise<unknown[]> {
  const { rows } = await sql<{ data: unknown }>`
    select data from events where type = ${type} and data ->> 'app_password_id' = ${appPasswordId}`.execute(
    db,
  )
  return rows.map(({ data }) => data)
}

test('a generated one has 140 bits in groups, and is known however it is typed', () => {
  assert.match(generateAppPassword(), /^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){6}$/)
  const spacing = fc.array(fc.constantFrom('', '-', ' ', '\t', ' - '), { minLength: 28, maxLength: 28 })
  fc.assert(
    fc.property(spacing, fc.boolean(), (spaces, isUpper) => {
      const shown = generateAppPassword()
      const typed = [...shown.replaceAll('-', '')].map((one, at) => one + (spaces[at] ?? '')).join('')
      if (typed.length > 112) return
      assert.equal(appPasswordAsShown(isUpper ? typed.toUpperCase() : typed), shown)
    }),
  )
  fc.assert(
    fc.property(fc.string(), (text) => {
      const read = appPasswordAsShown(text)
      assert.ok(read === null || appPasswordAsShown(read) === read)
    }),
  )
})

test('it logs in as itself, beside the primary one', async () => {
  const { appPassword, password } = await make({ name: ' Ann’s phone ' })
  assert.equal(appPassword.name, 'Ann’s phone')
  const login = await tryLogin(platform, 'imap', mailbox.address, password)
  assert.equal(login?.appPasswordId, appPassword.id)
  for (const typed of [password.replaceAll('-', ''), password.toUpperCase(), password.replaceAll('-', ' ')])
    assert.equal(await isIn(typed), true, typed)
  assert.equal(await isIn(password.slice(0, -1)), false)
  assert.equal(await isIn(mailbox.password), true)
  assert.equal(await isIn(`${mailbox.password.replaceAll(' ', '-')}`), false, 'the primary one is as it is')
  const other = await t.createMailbox()
  assert.equal(await tryLogin(platform, 'imap', other.address, password), null)
})

const counting: [what: string, wanted: Partial<NewAppPassword>, rows: [LoginProtocol, string, boolean][]][] =
  [
    [
      'everything',
      {},
      [
        ['imap', '192.0.2.1', true],
        ['pop3', '2001:db8::1', true],
        ['smtp', '::ffff:192.0.2.1', true],
        ['api', '127.0.0.1', true],
      ],
    ],
    [
      'imap and smtp',
      { scopes: ['smtp', 'imap'] },
      [
        ['imap', '192.0.2.1', true],
        ['smtp', '192.0.2.1', true],
        ['pop3', '192.0.2.1', false],
        ['api', '192.0.2.1', false],
      ],
    ],
    ...(['imap', 'pop3', 'smtp', 'api'] as const).map((one): (typeof counting)[number] => [
      `only ${one}`,
      { scopes: [one] },
      (['imap', 'pop3', 'smtp', 'api'] as const).map((protocol) => [protocol, '192.0.2.1', protocol === one]),
    ]),
    [
      'two networks',
      { networks: ['192.0.2.77/24', '2001:db8::/32', '::ffff:198.51.100.7'] },
      [
        ['imap', '192.0.2.1', true],
        ['imap', '::ffff:192.0.2.1', true],
        ['imap', '192.0.3.1', false],
        ['imap', '2001:db8:ffff::1', true],
        ['imap', '2001:db9::1', false],
        ['imap', '198.51.100.7', true],
        ['imap', '198.51.100.8', false],
        ['imap', 'fe80::1%eth0', false],
        ['imap', '', false],
      ],
    ],
  ]
for (const [what, wanted, rows] of counting) {
  test(`who may log in: ${what}`, async () => {
    const { appPassword, password } = await make(wanted)
    for (const [protocol, from, want] of rows)
      assert.equal(await isIn(password, protocol, from), want, `${protocol} from ${from}`)
    await revoke(appPassword.id)
  })
}

test('the primary password is none for the API', async () => {
  assert.equal(await isIn(mailbox.password, 'api'), false)
})

test('networks are kept in their canonical form', async () => {
  const { appPassword } = await make({ networks: ['192.0.2.77/24', '2001:DB8:0::7', '192.0.2.0/24'] })
  assert.deepEqual(appPassword.networks, ['192.0.2.0/24', '2001:db8::7/128'])
  await revoke(appPassword.id)
})

const refused: [what: string, wanted: Partial<NewAppPassword>, pointer: string][] = [
  ['no name', { name: ' ' }, '/name'],
  ['a long name', { name: 'x'.repeat(101) }, '/name'],
  ['a control character', { name: 'a\u0007' }, '/name'],
  ['the primary one’s name', { name: 'Primary' }, '/name'],
  ['no scope', { scopes: [] }, '/scopes'],
  ['no network', { networks: [] }, '/networks'],
  ['too many networks', { networks: Array.from({ length: 21 }, (_, at) => `10.0.0.${at}`) }, '/networks'],
  ['no such network', { networks: ['10.0.0.0/8', '10.0.0.0/33'] }, '/networks/1'],
  ['a name as network', { networks: ['localhost'] }, '/networks/0'],
  ['the past', { expiresAt: new Date(0) }, '/expires_at'],
]
for (const [what, wanted, pointer] of refused) {
  test(`refused: ${what}`, async () => {
    const check = (thrown: unknown): boolean => {
      assert.ok(thrown instanceof Refusal)
      assert.deepEqual([thrown.code, thrown.fields[0]?.pointer], ['invalid_request', pointer])
      return true
    }
    await assert.rejects(make(wanted), check)
    const { appPassword } = await make()
    await assert.rejects(update(appPassword.id, wanted), check)
    await revoke(appPassword.id)
  })
}

test('names are told apart, and there is an end to them', async () => {
  const own = await t.createMailbox()
  const first = await make({ name: 'phone' }, own)
  await assert.rejects(make({ name: 'phone' }, own), { code: 'app_password_taken' })
  for (let at = 1; at < appPasswordsPerMailboxMax; at++) await make({}, own)
  await assert.rejects(make({}, own), { code: 'app_password_limit_reached' })
  const all = await listAppPasswords(platform, scope, own.address)
  assert.deepEqual([all.length, all[0]?.id], [appPasswordsPerMailboxMax, first.appPassword.id])
  await transaction(db, (tx) => revokeAppPassword(platform, tx, scope, own.address, first.appPassword.id))
  await make({ name: 'phone' }, own)
  const second = (await listAppPasswords(platform, scope, own.address))[1]
  const rename = transaction(db, (tx) =>
    updateAppPassword(platform, tx, scope, own.address, second?.id ?? '', { name: 'phone' }),
  )
  await assert.rejects(rename, { code: 'app_password_taken' })
})

test('of another mailbox, by a reader, by an app password: not at all', async () => {
  const { appPassword } = await make()
  const { id } = appPassword
  const other = await t.createMailbox()
  const bound: Scope = { ...scope, mailboxId: other.mailboxId }
  const byOne: Scope = { ...scope, mailboxId: mailbox.mailboxId, actor: `app_password:${id}` }
  const readOnly: Scope = { ...scope, access: 'read' }
  await assert.rejects(getAppPassword(platform, scope, other.address, id), { code: 'app_password_not_found' })
  await assert.rejects(getAppPassword(platform, scope, mailbox.address, 'x'), {
    code: 'app_password_not_found',
  })
  const view = (by: Scope) => transaction(db, (tx) => viewAppPassword(platform, tx, by, mailbox.address, id))
  for (const [by, code] of [
    [bound, 'mailbox_not_found'],
    [byOne, 'forbidden'],
    [readOnly, 'forbidden'],
  ] as const) {
    await assert.rejects(make({}, mailbox, by), { code })
    await assert.rejects(update(id, { name: 'x' }, by), { code })
    await assert.rejects(revoke(id, by), { code })
    await assert.rejects(view(by), { code })
  }
  const change = transaction(db, (tx) => changePassword(platform, tx, byOne, mailbox.address, null))
  await assert.rejects(change, { code: 'forbidden' })
  const look = transaction(db, (tx) => viewCredentials(platform, tx, byOne, mailbox.address))
  await assert.rejects(look, { code: 'forbidden' })
  await revoke(id)
})

test('it is shown again, and every look is noted', async () => {
  const { appPassword, password } = await make()
  const shown = await transaction(db, (tx) =>
    viewAppPassword(platform, tx, scope, mailbox.address, appPassword.id),
  )
  assert.equal(shown.password, password)
  assert.deepEqual(await eventsOf('mailbox.credentials_viewed', appPassword.id), [
    {
      mailbox_id: mailbox.mailboxId,
      address: mailbox.address,
      by: scope.actor,
      app_password_id: appPassword.id,
    },
  ])
  await revoke(appPassword.id)
  assert.equal(await isIn(password), false)
  assert.equal((await eventsOf('mailbox.app_password_revoked', appPassword.id)).length, 1)
})

const changes: [what: string, from: Partial<NewAppPassword>, to: Partial<NewAppPassword>, ends: boolean][] = [
  ['another name', {}, { name: 'another name' }, false],
  ['a scope less', { scopes: ['imap', 'smtp'] }, { scopes: ['imap'] }, true],
  ['a scope more', { scopes: ['imap'] }, { scopes: ['imap', 'smtp'] }, false],
  ['scopes where there was all', {}, { scopes: ['imap', 'pop3', 'smtp', 'api'] }, true],
  ['all scopes', { scopes: ['imap'] }, { scopes: null }, false],
  ['a network where there was none', {}, { networks: ['10.0.0.0/8'] }, true],
  ['a network more', { networks: ['10.0.0.0/8'] }, { networks: ['10.0.0.0/8', '::1'] }, false],
  ['an end', {}, { expiresAt: new Date(Date.now() + 3_600_000) }, true],
]
for (const [what, from, to, ends] of changes) {
  test(`changed: ${what}: logins ${ends ? 'end' : 'go on'}`, async () => {
    const { appPassword } = await make(from)
    await update(appPassword.id, to)
    const [event, ...more] = await eventsOf('mailbox.app_password_updated', appPassword.id)
    assert.deepEqual(more, [])
    assert.partialDeepStrictEqual(event, { ends_logins: ends })
    await revoke(appPassword.id)
  })
}

test('after its time it does not log in, which is told once; with more time it does', async () => {
  const inAnHour = new Date(platform.clock.now().getTime() + 3_600_000)
  const { appPassword, password } = await make({ expiresAt: inAnHour })
  assert.equal(await isIn(password), true)
  assert.equal(await tellExpiredAppPasswords(platform), 0)
  platform.clock.advance?.('PT2H')
  assert.equal(await isIn(password), false)
  assert.equal(await tellExpiredAppPasswords(platform), 1)
  assert.equal(await tellExpiredAppPasswords(platform), 0)
  assert.equal((await eventsOf('mailbox.app_password_expired', appPassword.id)).length, 1)
  await update(appPassword.id, { name: 'may be called otherwise' })
  const later = new Date(platform.clock.now().getTime() + 3_600_000)
  await update(appPassword.id, { expiresAt: later })
  assert.equal(await isIn(password), true)
  platform.clock.advance?.('PT2H')
  assert.equal(await tellExpiredAppPasswords(platform), 1)
  await revoke(appPassword.id)
})

test('the last use is written for all at once, and not by who is refused', async () => {
  const uses = startLastUses(platform)
  const [used, unused] = [await make(), await make({ scopes: ['pop3'] })]
  const v6 = await make()
  await isIn(used.password, 'imap', '::ffff:192.0.2.9')
  await isIn(unused.password, 'imap', '192.0.2.9')
  await isIn(v6.password, 'smtp', 'fe80::7%eth0')
  const before = await getAppPassword(platform, scope, mailbox.address, used.appPassword.id)
  assert.equal(before.last_used_at, null, 'not in the way of the login')
  await uses.stop()
  const after = await Promise.all(
    [used, unused, v6].map(({ appPassword }) =>
      getAppPassword(platform, scope, mailbox.address, appPassword.id),
    ),
  )
  assert.deepEqual(
    after.map(({ last_used_from: from, last_used_at: at }) => [from, at instanceof Date]),
    [
      ['192.0.2.9', true],
      [null, false],
      ['fe80::7', true],
    ],
  )
  for (const { appPassword } of [used, unused, v6]) await revoke(appPassword.id)
})

test('where a second factor is active, mail protocols take app passwords only', async () => {
  const own = await t.createMailbox()
  const { password } = await make({}, own)
  const enable = async (at: Date | null): Promise<void> => {
    await sql`insert into mailbox_totp (mailbox_id, workspace_id, sealed_private_key, key_id, enabled_at, created_at)
      values (${own.mailboxId}, ${scope.workspaceId}, ''::bytea, 'x', ${at}, now())
      on conflict (mailbox_id) do update set enabled_at = excluded.enabled_at`.execute(db)
  }
  const outcomes = async (): Promise<boolean[]> => {
    const all: boolean[] = []
    for (const protocol of ['imap', 'pop3', 'smtp'] as const)
      for (const one of [own.password, password])
        all.push((await tryLogin(platform, protocol, own.address, one)) !== null)
    return all
  }
  await enable(null)
  assert.deepEqual(await outcomes(), [true, true, true, true, true, true], 'enrolled, not yet active')
  await enable(new Date())
  assert.deepEqual(await outcomes(), [false, true, false, true, false, true])
})

test('sealed again under a new key, and gone with the mailbox', async () => {
  const own = await t.createMailbox()
  const { password } = await make({ name: 'kept' }, own)
  await db
    .updateTable('mailbox_passwords')
    .set({ key_id: 'older' })
    .where('mailbox_id', '=', own.mailboxId)
    .execute()
  assert.equal(await resealPasswords(platform), 2)
  assert.ok(await tryLogin(platform, 'imap', own.address, password))
  await transaction(db, (tx) => deleteMailbox(platform, tx, scope, own.mailboxId, { purge: true }))
  await runJobs(platform)
  const left = await db
    .selectFrom('mailbox_passwords')
    .select('name')
    .where('mailbox_id', '=', own.mailboxId)
    .execute()
  assert.deepEqual(left, [])
})
