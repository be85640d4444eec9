import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { type Tx, transaction } from '../platform/database.ts'
import { createVault, newMasterKey } from '../platform/vault.ts'
import { tryLogin } from '../testing/log-in.ts'
import { masterKeyOf } from '../testing/test-node.ts'
import { startTestPlatform, type TestMailbox } from '../testing/test-platform.ts'
import { appCode, startNextStep } from '../testing/test-totp.ts'
import { deleteMailbox } from './mailboxes.ts'
import { purgeMailbox } from './purge.ts'
import { generateRecoveryCodes, normalizedRecoveryCode } from './recovery-codes.ts'
import { resealTotpSecrets } from './reseal.ts'
import { checkSecondFactor, type SecondFactorCheck } from './second-factor.ts'
import { checkTotp, confirmTotp, disableTotp, enrolTotp, renewRecoveryCodes, viewTotp } from './totp.ts'
import { parseTotpSecret } from './totp-codes.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db, clock } = platform

type Enrolled = TestMailbox & {
  secret: string
  recoveryCodes: string[]
  appPassword: string
  code(steps?: number): string
}

/** A mailbox with its second factor on; the code that turned it on was that of the step before. */
async function enrolled(): Promise<Enrolled> {
  const mailbox = await t.createMailbox()
  const { enrolment } = await transaction(db, (tx) => enrolTotp(platform, tx, scope, mailbox.mailboxId, null))
  const { secret } = enrolment
  const code = (steps = 0) => appCode(platform, secret, steps)
  startNextStep(platform)
  const enabled = await transaction(db, (tx) => confirmTotp(platform, tx, scope, mailbox.mailboxId, code(-1)))
  assert.ok(enabled)
  return { ...mailbox, secret, recoveryCodes: enabled.recoveryCodes, appPassword: enabled.password, code }
}

async function check(mailbox: TestMailbox, code: string): Promise<SecondFactorCheck> {
  return await transaction(db, (tx) => checkSecondFactor(platform, tx, mailbox.mailboxId, code))
}

async function eventsOf(mailbox: TestMailbox, type: string): Promise<unknown[]> {
  const { rows } = await sql<{ data: unknown }>`
    select data from events where type = ${type} and mailbox_id = ${mailbox.mailboxId}
    order by events.xid, events.id`.execute(db)
  return rows.map(({ data }) => data)
}

const right = { valid: true, kind: 'totp' }
const recovered = { valid: true, kind: 'recovery' }
const wrong = { valid: false, kind: null }

test('a code is taken once, and none of before it', async () => {
  const mailbox = await enrolled()
  assert.deepEqual(await check(mailbox, mailbox.code(-1)), wrong, 'it turned the factor on')
  assert.deepEqual(await check(mailbox, mailbox.code()), right)
  assert.deepEqual(await check(mailbox, mailbox.code()), wrong)
  assert.deepEqual(await check(mailbox, mailbox.code(1)), right, 'a clock may be a step ahead')
  assert.deepEqual(await check(mailbox, mailbox.code()), wrong)
})

test('of many that bring the same code at once, one is let in', async () => {
  const mailbox = await enrolled()
  const code = mailbox.code()
  const checks = await Promise.allSettled(Array.from({ length: 5 }, () => check(mailbox, code)))
  const valid = checks.filter((one) => one.status === 'fulfilled' && one.value.valid)
  assert.equal(valid.length, 1)
})

test('five wrong codes in a row pause all checking, then five more for longer', async () => {
  const mailbox = await enrolled()
  for (let round = 0; round < 4; round += 1) assert.deepEqual(await check(mailbox, '000000'), wrong)
  assert.deepEqual(await check(mailbox, mailbox.code()), right, 'a right one begins anew')
  for (let round = 0; round < 5; round += 1) assert.deepEqual(await check(mailbox, 'nothing right'), wrong)
  startNextStep(platform)
  for (const code of [mailbox.code(), mailbox.recoveryCodes[0] ?? '', 'x']) {
    await assert.rejects(check(mailbox, code), { code: 'totp_paused', detail: /No code is checked until 20/ })
  }
  assert.equal((await eventsOf(mailbox, 'mailbox.totp_paused')).length, 1)
  clock.advance?.('PT1M')
  for (let round = 0; round < 5; round += 1) assert.deepEqual(await check(mailbox, '000000'), wrong)
  clock.advance?.('PT4M')
  await assert.rejects(check(mailbox, mailbox.code()), { code: 'totp_paused' })
  clock.advance?.('PT1M')
  assert.deepEqual(await check(mailbox, mailbox.code()), right)
  for (let round = 0; round < 4; round += 1) assert.deepEqual(await check(mailbox, '000000'), wrong)
  assert.deepEqual(await check(mailbox, mailbox.code(1)), right, 'counted from the start')
})

test('guesses that come at once are counted as if they came in turn', async () => {
  const mailbox = await enrolled()
  const checks = await Promise.allSettled(Array.from({ length: 12 }, () => check(mailbox, '000000')))
  const looked = checks.filter((one) => one.status === 'fulfilled')
  assert.equal(looked.length, 5)
})

test('a recovery code is taken once, however it is typed', async () => {
  const mailbox = await enrolled()
  const [first = '', second = ''] = mailbox.recoveryCodes
  assert.equal(new Set(mailbox.recoveryCodes).size, 10)
  assert.deepEqual(await check(mailbox, first), recovered)
  assert.deepEqual(await check(mailbox, first), wrong)
  assert.deepEqual(await check(mailbox, ` ${second.toUpperCase().replaceAll('-', '')} `), recovered)
  const status = await transaction(db, (tx) => viewTotp(platform, tx, scope, mailbox.mailboxId))
  assert.equal(status.recoveryCodesLeft, 8)
  const look = { mailbox_id: mailbox.mailboxId, address: mailbox.address }
  assert.deepEqual(await eventsOf(mailbox, 'mailbox.recovery_code_used'), [
    { ...look, left: 9 },
    { ...look, left: 8 },
  ])
})

test('a recovery code is its mailbox’s own, and void when new ones are made', async () => {
  const [ann, bob] = [await enrolled(), await enrolled()]
  assert.deepEqual(await check(bob, ann.recoveryCodes[0] ?? ''), wrong)
  const renewed = await transaction(db, (tx) => renewRecoveryCodes(platform, tx, scope, ann.mailboxId))
  assert.deepEqual(await check(ann, ann.recoveryCodes[0] ?? ''), wrong)
  assert.deepEqual(await check(ann, renewed[9] ?? ''), recovered)
})

test('who came by an app password manages no second factor, and who may only read changes none', async () => {
  const { mailboxId: ref, code } = await enrolled()
  const byAppPassword = { ...scope, actor: 'app_password:1' }
  for (const by of [byAppPassword, { ...scope, access: 'read' as const }]) {
    const calls = [
      (tx: Tx) => enrolTotp(platform, tx, by, ref, null),
      (tx: Tx) => confirmTotp(platform, tx, by, ref, code()),
      (tx: Tx) => checkTotp(platform, tx, by, ref, code()),
      (tx: Tx) => renewRecoveryCodes(platform, tx, by, ref),
      (tx: Tx) => disableTotp(platform, tx, by, ref),
    ]
    for (const call of calls) {
      await assert.rejects(
        transaction(db, async (tx) => void (await call(tx))),
        { code: 'forbidden' },
      )
    }
  }
  const look = transaction(db, (tx) => viewTotp(platform, tx, byAppPassword, ref))
  await assert.rejects(look, { code: 'forbidden' })
})

test('letters that look like digits are read as them', () => {
  assert.equal(normalizedRecoveryCode(' O0Il-1abc '), '00111abc')
  for (const code of generateRecoveryCodes()) {
    assert.match(code, /^[0-9a-hj-km-np-tv-z]{4}-[0-9a-hj-km-np-tv-z]{4}-[0-9a-hj-km-np-tv-z]{4}$/)
    assert.equal(normalizedRecoveryCode(code), code.replaceAll('-', ''))
  }
})

for (const protocol of ['imap', 'pop3', 'smtp'] as const) {
  test(`the primary password does not log in to ${protocol} while it is on; the app password does`, async () => {
    const mailbox = await t.createMailbox()
    await transaction(db, (tx) => enrolTotp(platform, tx, scope, mailbox.mailboxId, null))
    assert.ok(await tryLogin(platform, protocol, mailbox.address, mailbox.password), 'not confirmed yet')
    const other = await enrolled()
    assert.equal(await tryLogin(platform, protocol, other.address, other.password), null)
    assert.ok(await tryLogin(platform, protocol, other.address, other.appPassword))
    await transaction(db, (tx) => disableTotp(platform, tx, scope, other.mailboxId))
    for (const password of [other.password, other.appPassword]) {
      assert.ok(await tryLogin(platform, protocol, other.address, password))
    }
  })
}

test('without a factor that is on there is nothing to check', async () => {
  const mailbox = await t.createMailbox()
  await assert.rejects(check(mailbox, '000000'), { code: 'totp_state_conflict' })
  await transaction(db, (tx) => enrolTotp(platform, tx, scope, mailbox.mailboxId, null))
  await assert.rejects(check(mailbox, '000000'), { code: 'totp_state_conflict' })
})

test('secret and recovery codes outlive a rotation of the master key, whose old one is not needed', async () => {
  const mailbox = await enrolled()
  const newKey = newMasterKey()
  const rotating = { ...platform, vault: createVault(`${newKey}\n${await masterKeyOf(t)}`) }
  assert.equal(await resealTotpSecrets(platform), 0)
  assert.ok((await resealTotpSecrets(rotating)) > 0)
  assert.equal(await resealTotpSecrets(rotating), 0)
  const rotated = { ...platform, vault: createVault(newKey) }
  const checkRotated = (code: string) =>
    transaction(db, (tx) => checkSecondFactor(rotated, tx, mailbox.mailboxId, code))
  assert.deepEqual(await checkRotated(mailbox.code()), right)
  assert.deepEqual(await checkRotated(mailbox.recoveryCodes[0] ?? ''), recovered)
  const { rows } = await sql<{ key_id: string }>`select distinct key_id from mailbox_totp`.execute(db)
  assert.deepEqual(rows, [{ key_id: rotated.vault.keyId }])
  await resealTotpSecrets({ ...platform, vault: createVault(`${await masterKeyOf(t)}\n${newKey}`) })
})

test('no event and no column holds a secret or a code in the clear', async () => {
  const mailbox = await enrolled()
  const { rows } = await sql<{ text: string }>`
    select data::text as text from events where mailbox_id = ${mailbox.mailboxId}
    union all select totp::text from mailbox_totp as totp where mailbox_id = ${mailbox.mailboxId}
    union all select codes::text from mailbox_recovery_codes as codes where mailbox_id = ${mailbox.mailboxId}`.execute(
    db,
  )
  const everything = rows.map(({ text }) => text).join('\n')
  const inTheClear = [
    mailbox.secret,
    ...mailbox.recoveryCodes.flatMap((code) => [code, code.replaceAll('-', '')]),
  ]
  for (const text of inTheClear) {
    assert.ok(!everything.includes(text))
    assert.ok(!everything.includes(Buffer.from(text).toString('hex')))
  }
  const secret = parseTotpSecret(mailbox.secret)
  assert.ok(secret !== null && !everything.includes(secret.toString('hex')))
})

test('turning it off and purging leave nothing of it', async () => {
  const traces = async (mailboxId: string): Promise<number> => {
    const { rows } = await sql<{ count: number }>`
      select (select count(*) from mailbox_totp where mailbox_id = ${mailboxId})
        + (select count(*) from mailbox_recovery_codes where mailbox_id = ${mailboxId}) as count`.execute(db)
    return Number(rows[0]?.count)
  }
  const [ann, bob] = [await enrolled(), await enrolled()]
  await transaction(db, (tx) => disableTotp(platform, tx, scope, ann.mailboxId))
  assert.equal(await traces(ann.mailboxId), 0)
  assert.equal(await traces(bob.mailboxId), 11)
  await transaction(db, (tx) => deleteMailbox(platform, tx, scope, bob.mailboxId, { purge: true }))
  await purgeMailbox(platform, bob.mailboxId)
  assert.equal(await traces(bob.mailboxId), 0)
})
