/** The classifier: tokens, the combination, lessons that count once, bounds, and that workspaces learn apart. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { newId } from '../../platform/ids.ts'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import { arrivalOf, honestMessage, recipientOf } from '../../testing/test-spam.ts'
import type { LocalRecipient } from '../recipients.ts'
import { bayesScoreMax, bayesSigns, learn, taughtMin } from './bayes.ts'
import { type Counts, combined, spamProbability } from './fisher.ts'
import { forgetLessons, workspaceTokensMax } from './forgetting.ts'
import { type Inspected, inspectMessage } from './inspect.ts'
import { hashToken, tokensMax, tokensOf } from './tokens.ts'

function inspected(raw: string): Inspected {
  return inspectMessage(Buffer.from(raw), arrivalOf(raw).message.header)
}

const totals = { spam: 100, ham: 100 }
const probabilities: [token: Counts, from: number, to: number][] = [
  [{ spam: 0, ham: 0 }, 0.5, 0.5],
  [{ spam: 1, ham: 0 }, 0.8, 0.9],
  [{ spam: 50, ham: 0 }, 0.99, 1],
  [{ spam: 0, ham: 50 }, 0, 0.01],
  [{ spam: 30, ham: 30 }, 0.5, 0.5],
]
for (const [token, from, to] of probabilities) {
  test(`a word of ${token.spam} spam and ${token.ham} others is spam by ${from} to ${to}`, () => {
    const probability = spamProbability(token, totals)
    assert.ok(probability >= from && probability <= to, String(probability))
  })
}

test('the combination is a number from 0 to 1, turned around by turning its words around', () => {
  const probability = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(fc.array(probability, { maxLength: 1000 }), (words) => {
      const likeness = combined(words)
      assert.ok(likeness >= 0 && likeness <= 1, String(likeness))
      assert.ok(Math.abs(likeness + combined(words.map((one) => 1 - one)) - 1) < 1e-6)
    }),
  )
  assert.equal(combined([]), 0.5)
  assert.ok(combined(Array(150).fill(0.99)) > 0.999)
  assert.ok(combined(Array(150).fill(0.01)) < 0.001)
})

test('tokens are whole numbers for a bigint, bounded, and differ by workspace', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (word) => {
      const hash = hashToken(word)
      assert.ok(Number.isSafeInteger(hash) && hash >= 0)
    }),
  )
  const raw = honestMessage({}, Array.from({ length: 2000 }, (_, i) => `word${i}`).join(' '))
  const [one, two] = [tokensOf('one', inspected(raw)), tokensOf('two', inspected(raw))]
  assert.equal(one.length, tokensMax)
  assert.equal(new Set([...one, ...two]).size, 2 * tokensMax)
})

test('words of any script are tokens: with spaces between them, or without', () => {
  const count = (text: string) => tokensOf('w', inspected(honestMessage({}, text))).length
  const none = count('')
  assert.equal(count('Größe και размер') - none, 3)
  assert.equal(count('会議の資料') - none, 4)
  assert.equal(count('a b c') - none, 0)
})

let t: TestPlatform
let recipient: LocalRecipient
before(async () => {
  t = await startTestPlatform({ MAILWRIGHT_LOG_LEVEL: 'silent' })
  recipient = await recipientOf(t.platform, await t.createMailbox())
})
after(() => t[Symbol.asyncDispose]())
beforeEach(async () => {
  for (const table of ['spam_tokens', 'spam_totals', 'spam_taught']) {
    await t.platform.pool.query(`delete from ${table}`)
  }
})

const pills = honestMessage(
  { Subject: 'Cheap pills' },
  'Wonderful pills without prescription, overnight delivery',
)
const minutes = honestMessage(
  { Subject: 'Minutes' },
  'The minutes of our quarterly meeting are attached for review',
)

async function teach(kind: 'spam' | 'ham', raw: string, bodyId: string = newId()): Promise<boolean> {
  return await learn(t.platform, recipient.owner, { bodyId, kind, inspected: inspected(raw) })
}

async function teachBoth(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await teach('spam', pills)
    await teach('ham', minutes)
  }
}

const scoreOf = async (raw: string, local: LocalRecipient[] = [recipient]): Promise<number> =>
  (await bayesSigns(t.platform, { local }, inspected(raw))).reduce((sum, { score }) => sum + score, 0)

async function counts(): Promise<{ totals: Counts[]; tokens: Counts }> {
  const { rows } = await t.platform.pool.query('select spam, ham from spam_totals')
  const tokens = await t.platform.pool.query(
    'select coalesce(sum(spam), 0)::int as spam, coalesce(sum(ham), 0)::int as ham from spam_tokens',
  )
  return { totals: rows, tokens: tokens.rows[0] }
}

test('it says nothing before it was taught enough of both, and then at most its bound', async () => {
  await teachBoth(taughtMin - 1)
  await teach('spam', pills)
  assert.equal(await scoreOf(pills), 0)
  await teach('ham', minutes)
  const [spam, ham] = [await scoreOf(pills), await scoreOf(minutes)]
  assert.ok(spam > 1 && spam <= bayesScoreMax, String(spam))
  assert.ok(ham < -1 && ham >= -bayesScoreMax, String(ham))
  assert.equal(
    await scoreOf(honestMessage({ From: 'x@y.example', Subject: 'unheard' }, 'never seen words')),
    0,
  )
})

test('a message teaches once, and the other way round takes back what it taught', async () => {
  const bodyId = newId()
  assert.equal(await teach('spam', pills, bodyId), true)
  assert.equal(await teach('spam', pills, bodyId), false)
  const once = await counts()
  assert.deepEqual(once.totals, [{ spam: 1, ham: 0 }])
  assert.equal(await teach('ham', pills, bodyId), true)
  assert.deepEqual(await counts(), {
    totals: [{ spam: 0, ham: 1 }],
    tokens: { spam: 0, ham: once.tokens.spam },
  })
})

test('lessons at the same moment are all counted, each once', async () => {
  const ids = Array.from({ length: 5 }, () => newId())
  await Promise.all([...ids, ...ids].map((id) => teach('spam', pills, id)))
  assert.deepEqual((await counts()).totals, [{ spam: 5, ham: 0 }])
})

test('what one workspace taught, another does not hear, nor a message to both', async () => {
  await teachBoth(taughtMin)
  const stranger = { ...recipient, owner: { ...recipient.owner, workspaceId: newId() } }
  assert.ok((await scoreOf(pills)) > 1)
  assert.equal(await scoreOf(pills, [stranger]), 0)
  assert.equal(await scoreOf(pills, [recipient, stranger]), 0)
})

test('no word of a message is in the tables', async () => {
  await teach('spam', pills)
  const { rows } = await t.platform.pool.query(
    `select data_type from information_schema.columns where table_name = 'spam_tokens'`,
  )
  assert.equal(
    rows.some(({ data_type }) => data_type === 'text'),
    false,
  )
})

test('rare words go after months, the oldest past the bound, and all of a workspace that is gone', async () => {
  const { pool, clock } = t.platform
  const { workspaceId } = recipient.owner
  await teachBoth(3)
  await teach('spam', honestMessage({}, 'singular'))
  const before = (await pool.query('select 1 from spam_tokens')).rowCount ?? 0
  clock.advance?.('P100D')
  assert.ok((await forgetLessons(t.platform)) > 0)
  const left = (await pool.query('select spam + ham as seen from spam_tokens')).rows
  assert.ok(left.length > 0 && left.length < before)
  assert.ok(left.every(({ seen }) => seen >= 3))

  await pool.query(
    `insert into spam_tokens select $1, n, 5, 5, $2::date from generate_series(1, ${workspaceTokensMax}) n`,
    [workspaceId, clock.now().toISOString()],
  )
  while ((await forgetLessons(t.platform)) > 0);
  const kept = await pool.query(
    'select count(*)::int as count, min(taught_on) = max(taught_on) as same from spam_tokens',
  )
  assert.deepEqual(kept.rows, [{ count: workspaceTokensMax, same: true }])

  await pool.query('update spam_totals set workspace_id = gen_random_uuid()')
  await pool.query('update spam_tokens set workspace_id = (select workspace_id from spam_totals)')
  while ((await forgetLessons(t.platform)) > 0);
  assert.deepEqual(await counts(), { totals: [], tokens: { spam: 0, ham: 0 } })
})
