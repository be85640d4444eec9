/** The queue on the command line, beside a node that holds the data directory. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CommitLane, startCommitLane } from '../../delivery/commit-lane.ts'
import { stepsStatement } from '../../delivery/outbound/steps.ts'
import { inTransaction } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { addresses, submit } from '../../testing/test-sending.ts'
import { queueAct, queueList, queueShow, type Terminal } from './queue.ts'
import { ageOf, tableOf } from './table.ts'

let t: TestPlatform
let lane: CommitLane
let box: TestMailbox
before(async () => {
  t = await startTestPlatform()
  lane = startCommitLane(t.platform)
  box = await t.createMailbox()
  for (const domain of ['one.example', 'two.example']) {
    await submit(t.platform, lane, box.owner, addresses(3, domain))
  }
})
after(async () => {
  await lane.stop()
  await t[Symbol.asyncDispose]()
})

type Work = (terminal: Terminal) => Promise<void>

/** What a command prints, and what it asks. */
async function run(work: Work, answer = true): Promise<{ text: string; questions: string[] }> {
  let text = ''
  const questions: string[] = []
  const terminal: Terminal = {
    write: (part) => {
      text += part
    },
    confirm: async (question) => {
      questions.push(question)
      return answer
    },
  }
  await work(terminal)
  return { text, questions }
}

const list = async (options: object = {}): Promise<string> =>
  (await run((terminal) => queueList(t.config, { limit: 100, ...options }, terminal))).text

const idsIn = (text: string): string[] => text.match(/^[\da-f-]{36}/gm) ?? []

test('lists what waits, by domain, mailbox and state, in lines of at most a hundred columns', async () => {
  const all = await list()
  assert.equal(idsIn(all).length, 6)
  assert.match(all, /^ID {35}STATE {5}AGE {2}TRIES NEXT TO\n/)
  assert.match(all, /\n6 recipients\.\n$/)
  assert.ok(all.split('\n').every((line) => line.length <= 100))
  assert.equal(idsIn(await list({ domain: 'one.example', mailbox: box.address })).length, 3)
  assert.equal(await list({ state: 'held' }), '0 recipients.\n')
  assert.match(await list({ limit: 2 }), /\nThe first 2 recipients; --limit shows more\.\n$/)
  const lines = (await list({ json: true })).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).state),
    Array.from({ length: 6 }, () => 'queued'),
  )
  await assert.rejects(list({ mailbox: 'none@demo.test' }), /There is no mailbox none@demo\.test/)
})

test('shows a timeline; what other servers said cannot steer the terminal', async () => {
  const [id = ''] = idsIn(await list())
  const step = {
    recipientId: id,
    step: 'deferred' as const,
    at: new Date('2026-01-01T00:00:00Z'),
    detail: { host: 'mx.one.example', reply: '450 \u001b[2Jcome again', class: 'greylisted' },
  }
  await inTransaction(t.platform, (tx) => stepsStatement([step]).execute(tx))
  const { text } = await run((terminal) => queueShow(t.config, id, {}, terminal))
  assert.match(
    text,
    /2026-01-01T00:00:00\.000Z deferred mx\.one\.example, "450 +\[2Jcome again", \(greylisted\)\n/,
  )
  assert.ok(!text.includes('\u001b'))
  const json = await run((terminal) => queueShow(t.config, id, { json: true }, terminal))
  assert.equal(JSON.parse(json.text).recipients.length, 3)
  await assert.rejects(
    run((terminal) => queueShow(t.config, 'nope', {}, terminal)),
    /there is no message .* nope/,
  )
})

test('asks before it does something to many, and says what was done', async () => {
  const act = (action: 'retry' | 'hold' | 'release' | 'drop', target: object, answer = true) =>
    run((terminal) => queueAct(t.config, action, target, terminal), answer)
  const no = await act('hold', { domain: 'one.example' }, false)
  assert.deepEqual(no, { text: 'Nothing was done.\n', questions: ['Hold 3 recipients?'] })
  assert.equal((await act('hold', { domain: 'one.example' })).text, '3 of 3 recipients are held.\n')
  assert.equal(idsIn(await list({ state: 'held' })).length, 3)
  assert.deepEqual(await act('retry', { all: true, yes: true }), {
    text: '3 of 3 recipients are tried again now.\n',
    questions: [],
  })
  const [id = ''] = idsIn(await list({ state: 'held' }))
  assert.deepEqual(await act('release', { id, reason: 'well again' }), {
    text: '1 of 1 recipient is released.\n',
    questions: [],
  })
  assert.match(
    (await run((terminal) => queueShow(t.config, id, {}, terminal))).text,
    /released by command line, because well again/,
  )
  assert.equal((await act('release', { id })).text, 'There is nothing to release.\n')
  assert.match(
    (await act('drop', { mailbox: box.address })).text,
    /^6 of 6 recipients are dropped; nobody is notified\.$/m,
  )
  assert.equal(await list(), '0 recipients.\n')
  for (const target of [{}, { id, all: true }, { domain: 'x.example', all: true }]) {
    await assert.rejects(act('drop', target), /name what is meant/)
  }
})

test('tables cut what is too long, and ages are short', () => {
  const table = tableOf(
    [
      { title: 'A', width: 3 },
      { title: 'B', width: 0 },
    ],
    [['abcd', 'x'.repeat(200)]],
  )
  assert.equal(table, `A   B\nab… ${'x'.repeat(95)}…\n`)
  const at = (seconds: number): string => ageOf(new Date(0), new Date(seconds * 1000))
  assert.deepEqual([-5, 99, 100, 7200, 86_400, 200_000].map(at), ['0s', '99s', '2m', '2h', '24h', '2d'])
})
