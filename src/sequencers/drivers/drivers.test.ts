/** What every driver must do, each against the stand-in for its tool, over a real socket. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  openOn,
  type StandInName,
  standInNames,
  startQuick,
  testMailbox,
} from '../../testing/sequencers/open.ts'
import { faulty } from '../../testing/sequencers/stand-in.ts'
import type { AddOutcome, MailboxAccount, RemoteAccount, SequencerDriver } from '../driver.ts'
import { SequencerError } from '../driver.ts'
import { openers } from '../drivers.ts'
import { sequencerPlatforms } from '../platforms.ts'
import type { SequencerCall } from './calls.ts'

const canUpdate: ReadonlySet<StandInName> = new Set([
  'instantly',
  'smartlead',
  'emailbison',
  'plusvibe',
  'lemlist',
  'reply',
])
const isLater: ReadonlySet<StandInName> = new Set(['plusvibe', 'woodpecker'])

async function failureOf(work: Promise<unknown>): Promise<SequencerError> {
  const error: unknown = await work.then(
    () => 'none',
    (cause: unknown) => cause,
  )
  assert.ok(error instanceof SequencerError, String(error))
  return error
}

/** Adds and, where that takes its time, asks until it is told. */
async function addAndAwait(driver: SequencerDriver, mailbox: MailboxAccount): Promise<AddOutcome> {
  const [outcome] = await driver.add([mailbox])
  assert.ok(outcome)
  if (outcome.kind !== 'pending') return outcome
  for (let polls = 0; polls < 5; polls++) {
    if (outcome.ref !== null) {
      const told = (await driver.poll(outcome.ref)).find(({ address }) => address === mailbox.address)
      if (told) return told.outcome
      continue
    }
    const account = await driver.find(mailbox.address)
    if (account) return { kind: 'added', account }
  }
  return outcome
}

async function listAll(driver: SequencerDriver): Promise<RemoteAccount[]> {
  const accounts: RemoteAccount[] = []
  let cursor: string | null = null
  do {
    const page = await driver.list(cursor)
    accounts.push(...page.accounts)
    cursor = page.next
  } while (cursor !== null)
  return accounts
}

test('every platform that has an API has a driver and a stand-in', () => {
  const withApi = Object.entries(sequencerPlatforms).filter(([, { method }]) => method === 'api')
  const names = withApi.map(([name]) => name).sort()
  assert.deepEqual(Object.keys(openers).sort(), names)
  assert.deepEqual([...standInNames].sort(), names)
})

for (const name of standInNames) {
  test(`${name}: a mailbox’s life`, async () => {
    await using standIn = await startQuick(name)
    const driver = openOn(name, standIn)
    await driver.check()
    assert.equal(await driver.find('ada@ours.example'), null)
    assert.deepEqual(await listAll(driver), [])
    const mailbox = testMailbox('ada@ours.example')
    const outcome = await addAndAwait(driver, mailbox)
    assert.ok(outcome.kind === 'added', JSON.stringify(outcome))
    const { account } = outcome
    assert.deepEqual([account.address, account.status === 'unknown'], ['ada@ours.example', false])
    assert.equal(standIn.accounts.get(mailbox.address)?.password, mailbox.password)
    assert.equal((await driver.find('Ada@Ours.example'))?.id, account.id)
    assert.deepEqual(
      (await listAll(driver)).map(({ id }) => id),
      [account.id],
    )
    const changed = testMailbox('ada@ours.example', { password: 'another1', displayName: 'Ada L' })
    if (canUpdate.has(name)) {
      const updated = await driver.update(account, changed)
      assert.notEqual(updated.kind, 'failed')
      const after = await addedAfter(driver, updated, changed.address)
      assert.equal(standIn.accounts.get(changed.address)?.password, 'another1')
      await driver.remove(after)
      assert.equal(await driver.find(changed.address), null)
      await driver.remove(after)
    } else {
      for (const work of [driver.update(account, changed), driver.remove(account)]) {
        assert.equal((await failureOf(work)).kind, 'unsupported')
      }
    }
    assert.deepEqual(standIn.complaints, [])
  })

  test(`${name}: many accounts are read to the end, each once`, async () => {
    await using standIn = await startQuick(name)
    const driver = openOn(name, standIn)
    const wanted = Array.from({ length: 230 }, (_, at) => `user${at}@ours.example`)
    for (const [at, address] of wanted.entries()) {
      standIn.accounts.set(address, {
        id: String(at + 1),
        address,
        name: 'Some Body',
        password: 'right',
        smtpError: null,
        imapError: null,
        dailyLimit: null,
        warmup: false,
      })
    }
    assert.deepEqual((await listAll(driver)).map(({ address }) => address).sort(), [...wanted].sort())
    assert.equal((await driver.find('user229@ours.example'))?.address, 'user229@ours.example')
    assert.equal(await driver.find('user2299@ours.example'), null)
    assert.deepEqual(standIn.complaints, [])
  })

  test(`${name}: a mailbox that it cannot log in to`, async () => {
    await using standIn = await startQuick(name)
    const driver = openOn(name, standIn)
    const mailbox = testMailbox('bob@ours.example', { password: 'wrong-password' })
    const outcome = await addAndAwait(driver, mailbox)
    assert.doesNotMatch(JSON.stringify(outcome), /wrong-password/)
    if (outcome.kind === 'failed') assert.equal(outcome.error.kind, 'connect_failed', outcome.error.message)
    else if (outcome.kind === 'added') assert.match(outcome.account.status, /_error$/)
    else assert.equal(name, 'plusvibe', 'it says nothing of those that it drops')
  })

  test(`${name}: the address is there already`, async () => {
    await using standIn = await startQuick(name)
    const driver = openOn(name, standIn)
    const mailbox = testMailbox('ada@ours.example')
    await addAndAwait(driver, mailbox)
    if (isLater.has(name)) return
    const [outcome] = await driver.add([mailbox])
    assert.ok(outcome?.kind === 'failed')
    assert.equal(outcome.error.kind, 'duplicate', outcome.error.message)
  })

  test(`${name}: a wrong key, a limit, a failure, a lost answer`, async () => {
    await using standIn = await startQuick(name)
    const wrong = openOn(name, standIn, { key: 'wr0ng-key' })
    for (const work of [() => wrong.check(), () => wrong.add([testMailbox('a@ours.example')])]) {
      const error = await failureOf(work())
      assert.equal(error.kind, 'bad_key', error.message)
      assert.doesNotMatch(error.message, /wr0ng-key/)
    }
    const driver = openOn(name, standIn)
    const add = () => driver.add([testMailbox('eve@ours.example')])
    faulty(standIn, { perMinute: 0 })
    const limited = await failureOf(add())
    assert.deepEqual([limited.kind, limited.retryAfterMs, limited.maybeDone], ['rate_limited', 7000, false])
    faulty(standIn, { saysRetryAfter: false })
    assert.deepEqual((await failureOf(driver.list(null))).retryAfterMs, null)
    faulty(standIn, { perMinute: 1_000_000, failEvery: 1 })
    const failed = await failureOf(add())
    assert.deepEqual([failed.kind, failed.maybeDone], ['upstream', true])
    const read = await failureOf(driver.list(null))
    assert.deepEqual([read.kind, read.maybeDone], ['upstream', false])
    faulty(standIn, { failEvery: 1_000_000, loseEvery: 1 })
    const lost = await failureOf(add())
    assert.deepEqual([lost.kind, lost.maybeDone], ['unreachable', true])
    faulty(standIn, { loseEvery: 1_000_000 })
    const found = await lookUp(driver, 'eve@ours.example')
    if (name !== 'woodpecker') assert.ok(found, 'it was done, and is found')
    assert.deepEqual(standIn.complaints, [])
  })

  test(`${name}: whatever is answered, nothing but a SequencerError comes of it`, async () => {
    const account: RemoteAccount = { id: '7', address: 'a@ours.example', status: 'unknown', words: null }
    const mailbox = testMailbox('a@ours.example')
    const secrets = [mailbox.password, 'the-k3y']
    // The password is known, and kept out of all words, where it is told.
    const works: readonly { isTold: boolean; work: (driver: SequencerDriver) => Promise<unknown> }[] = [
      { isTold: true, work: (driver) => driver.add([mailbox]) },
      { isTold: false, work: (driver) => driver.update(account, mailbox) },
      { isTold: false, work: (driver) => driver.check() },
      { isTold: false, work: (driver) => driver.poll('7') },
      { isTold: false, work: (driver) => driver.find(mailbox.address) },
      { isTold: false, work: (driver) => driver.list(null) },
      { isTold: false, work: (driver) => driver.list('1') },
      { isTold: false, work: (driver) => driver.remove(account) },
    ]
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...works), answers(secrets), async ({ work, isTold }, all) => {
        let calls = 0
        const call = async (_: SequencerCall) => {
          const { status, json } = all[Math.min(calls++, all.length - 1)] ?? { status: 200, json: null }
          assert.ok(calls < 3000, 'it asks for ever')
          return { status, retryAfterMs: null, text: JSON.stringify(json) ?? '<p>', json }
        }
        const driver = openers[name]?.({ call, key: 'the-k3y', settings: { workspace_id: 'w' } })
        assert.ok(driver)
        const result: unknown = await work(driver).catch((error: unknown) => error)
        if (result instanceof Error) assert.ok(result instanceof SequencerError, result.stack)
        const told = result instanceof Error ? result.message : JSON.stringify(result ?? null)
        for (const secret of isTold ? secrets : secrets.slice(1)) assert.ok(!told.includes(secret), told)
      }),
      { numRuns: 60 },
    )
  })
}

/** Any JSON, and JSON that looks as the tools' does, with the secrets in the places where words are. */
function answers(secrets: readonly string[]): fc.Arbitrary<{ status: number; json: unknown }[]> {
  const words = fc.oneof(fc.string(), fc.constantFrom(...secrets.map((one) => `login with ${one} failed`)))
  const leaf = fc.oneof(words, fc.integer(), fc.boolean(), fc.constantFrom(null, 'a@ours.example', 'SMTP', 7))
  const names = fc.constantFrom(
    ...['data', 'items', 'accounts', 'emails', 'mailboxes', 'userIds', 'workspaces', 'details', 'payload'],
    ...['id', '_id', 'email', 'from_email', 'fromEmail', 'emailAddress', 'type', 'status', 'error', 'errors'],
    ...['message', 'failed_mailboxes', 'processing_finished', 'meta', 'last_page', 'next_starting_after'],
    ...['smtp_failure_error', 'smtpConnection', 'sendingConnectivityError', 'status_message', 'e_message'],
    ...['batch_id', 'ok', '__proto__', 'toString'],
  )
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      leaf,
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(names, tie('json'), { maxKeys: 8, noNullPrototype: true }),
    ),
  }))
  const status = fc.constantFrom(200, 200, 200, 201, 400, 401, 402, 403, 404, 409, 422, 429, 500)
  const body = fc.oneof({ weight: 4, arbitrary: json }, fc.jsonValue(), fc.constant(undefined))
  return fc.array(fc.record({ status, json: body }), { minLength: 1, maxLength: 4 })
}

async function addedAfter(
  driver: SequencerDriver,
  outcome: AddOutcome,
  address: string,
): Promise<RemoteAccount> {
  if (outcome.kind === 'added') return outcome.account
  const found = await lookUp(driver, address)
  assert.ok(found)
  return found
}

/** Some show it only when the list is read again. */
async function lookUp(driver: SequencerDriver, address: string): Promise<RemoteAccount | null> {
  return (await driver.find(address)) ?? (await driver.find(address)) ?? (await driver.find(address))
}
