import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { startTestPlatform } from '../testing/test-platform.ts'
import { type Tx, transaction } from './database.ts'
import { Refusal } from './errors.ts'
import {
  deleteOldIdempotencyKeys,
  fingerprintOf,
  type IdempotentRequest,
  idempotencyRetentionHours,
  isIdempotencyKey,
  runIdempotently,
  type StoredReply,
} from './idempotency.ts'
import { newId } from './ids.ts'
import { createVault, newMasterKey } from './vault.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform } = t
const { db, clock } = platform
await sql`create table effects (name text)`.execute(db)

function request(more: Partial<IdempotentRequest> = {}): IdempotentRequest {
  return { scopeId: newId(), key: 'key', fingerprint: fingerprintOf(['POST', '/v1/things']), ...more }
}

const reply: StoredReply = { status: 201, body: '{"secret":"correct horse"}' }

async function effect(tx: Tx, name: string): Promise<StoredReply> {
  await sql`insert into effects values (${name})`.execute(tx)
  return reply
}

async function effects(name: string): Promise<number> {
  return (await sql`select 1 from effects where name = ${name}`.execute(db)).rows.length
}

async function rowsOf({ scopeId }: IdempotentRequest): Promise<number> {
  return (await sql`select 1 from idempotency_keys where scope_id = ${scopeId}`.execute(db)).rows.length
}

test('the same request again has one effect and gets the same reply', async () => {
  const one = request()
  assert.deepEqual(await runIdempotently(platform, one, (tx) => effect(tx, 'once')), {
    reply,
    replayed: false,
  })
  assert.deepEqual(await runIdempotently(platform, one, (tx) => effect(tx, 'once')), {
    reply,
    replayed: true,
  })
  assert.equal(await effects('once'), 1)
})

test('another request under the same key is refused', async () => {
  const one = request()
  await runIdempotently(platform, one, (tx) => effect(tx, 'reused'))
  const other = { ...one, fingerprint: fingerprintOf(['POST', '/v1/other']) }
  await assert.rejects(
    runIdempotently(platform, other, (tx) => effect(tx, 'reused')),
    { code: 'idempotency_key_reused' },
  )
  assert.equal(await effects('reused'), 1)
})

test('the same key of another scope is another key', async () => {
  await runIdempotently(platform, request(), (tx) => effect(tx, 'scopes'))
  const second = await runIdempotently(platform, request(), (tx) => effect(tx, 'scopes'))
  assert.equal(second.replayed, false)
  assert.equal(await effects('scopes'), 2)
})

test('requests of one key at the same moment have one effect', async () => {
  const one = request()
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, () =>
      runIdempotently(platform, one, async (tx) => {
        const made = await effect(tx, 'together')
        await sleep(50)
        return made
      }),
    ),
  )
  assert.equal(outcomes.filter((outcome) => !outcome.replayed).length, 1)
  assert.ok(outcomes.every((outcome) => outcome.reply.body === reply.body))
  assert.equal(await effects('together'), 1)
})

test('when the first is refused, one that waited for it is judged afresh', async () => {
  const one = request()
  const begun = Promise.withResolvers<void>()
  const first = runIdempotently(platform, one, async (tx) => {
    begun.resolve()
    await effect(tx, 'afresh')
    await sleep(50)
    throw new Refusal('domain_taken')
  })
  await begun.promise
  const second = runIdempotently(platform, one, (tx) => effect(tx, 'afresh'))
  await assert.rejects(first, { code: 'domain_taken' })
  assert.equal((await second).replayed, false)
  assert.equal(await effects('afresh'), 1)
})

test('a refusal leaves nothing behind', async () => {
  const one = request()
  await assert.rejects(
    runIdempotently(platform, one, async (tx) => {
      await effect(tx, 'refused')
      throw new Refusal('domain_taken')
    }),
    { code: 'domain_taken' },
  )
  assert.equal(await rowsOf(one), 0)
  assert.equal(await effects('refused'), 0)
})

test('who waits too long is told that the first one still runs', async () => {
  const one = request()
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const first = runIdempotently(platform, one, async (tx) => {
    begun.resolve()
    await ended.promise
    return effect(tx, 'long')
  })
  await begun.promise
  await assert.rejects(
    runIdempotently(platform, one, (tx) => effect(tx, 'long'), 100),
    { code: 'idempotency_key_in_use' },
  )
  ended.resolve()
  assert.equal((await first).replayed, false)
  assert.equal(await effects('long'), 1)
})

test('a lock that the work itself waits for in vain is not told as a key in use', async () => {
  await assert.rejects(
    runIdempotently(platform, request(), async (tx) => {
      await sql`do $$ begin raise exception 'lock' using errcode = '55P03'; end $$`.execute(tx)
      return reply
    }),
    { code: '55P03' },
  )
})

test('the stored reply cannot be read without the key, nor in another row', async () => {
  const one = request()
  await runIdempotently(platform, one, (tx) => effect(tx, 'sealed'))
  const { rows } = await sql<{ sealed_reply: Buffer }>`
    select sealed_reply from idempotency_keys where scope_id = ${one.scopeId}`.execute(db)
  const sealed = rows[0]?.sealed_reply
  assert.ok(sealed)
  assert.equal(sealed.includes('correct horse'), false)
  const stranger = { ...platform, vault: createVault(newMasterKey()) }
  await assert.rejects(
    runIdempotently(stranger, one, (tx) => effect(tx, 'sealed')),
    /master key/,
  )
  const other = request()
  await runIdempotently(platform, other, (tx) => effect(tx, 'sealed'))
  await sql`update idempotency_keys set sealed_reply = ${sealed} where scope_id = ${other.scopeId}`.execute(
    db,
  )
  await assert.rejects(
    runIdempotently(platform, other, (tx) => effect(tx, 'sealed')),
    /does not open/,
  )
})

test('an expired key is a new one, also before it is swept', async () => {
  const [used, swept] = [request(), request()]
  await runIdempotently(platform, used, (tx) => effect(tx, 'expired'))
  await runIdempotently(platform, swept, (tx) => effect(tx, 'swept'))
  clock.advance?.(`PT${idempotencyRetentionHours - 1}H`)
  assert.equal((await runIdempotently(platform, used, (tx) => effect(tx, 'expired'))).replayed, true)
  clock.advance?.('PT61M')
  assert.equal((await runIdempotently(platform, used, (tx) => effect(tx, 'expired'))).replayed, false)
  assert.equal(await effects('expired'), 2)
  await deleteOldIdempotencyKeys(platform)
  assert.equal(await rowsOf(swept), 0)
  assert.equal(await rowsOf(used), 1)
})

test('a transaction that PostgreSQL asks to repeat has one effect', async () => {
  let runs = 0
  const outcome = await runIdempotently(platform, request(), async (tx) => {
    const made = await effect(tx, 'repeated')
    if (++runs === 1) await sql`do $$ begin raise exception 'x' using errcode = '40001'; end $$`.execute(tx)
    return made
  })
  assert.equal(outcome.replayed, false)
  assert.equal(runs, 2)
  assert.equal(await effects('repeated'), 1)
})

test('a large reply is kept whole', async () => {
  const one = request()
  const body = JSON.stringify(Array.from({ length: 50_000 }, (_, n) => ({ n })))
  await runIdempotently(platform, one, async () => ({ status: 200, body }))
  assert.equal((await runIdempotently(platform, one, async () => reply)).reply.body, body)
})

test('parts of a fingerprint do not run into each other', () => {
  assert.deepEqual(fingerprintOf(['a', 'b']), fingerprintOf(['a', 'b']))
  const all = [['ab', ''], ['a', 'b'], ['', 'ab'], ['ab'], ['a', 'b', ''], ['1:a', 'b']].map((parts) =>
    fingerprintOf(parts).toString('hex'),
  )
  assert.equal(new Set(all).size, all.length)
})

const keys: [key: string, want: boolean][] = [
  ['5f2c', true],
  ['~!"#', true],
  ['x'.repeat(255), true],
  ['x'.repeat(256), false],
  ['', false],
  ['two words', false],
  ['ü', false],
  ['a\n', false],
]
for (const [key, want] of keys) {
  test(`${JSON.stringify(key.slice(0, 12))} (${key.length}) is ${want ? 'a' : 'no'} key`, () =>
    assert.equal(isIdempotencyKey(key), want))
}

test('nothing of this ran outside a transaction', async () => {
  await transaction(db, async (tx) => {
    const { rows } = await sql<{ lock_timeout: string }>`show lock_timeout`.execute(tx)
    assert.deepEqual(rows, [{ lock_timeout: '30s' }], 'the bound on waiting ended with its transaction')
  })
})
