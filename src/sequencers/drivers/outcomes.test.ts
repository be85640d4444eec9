import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { testMailbox } from '../../testing/sequencers/open.ts'
import { type AddOutcome, type MailboxAccount, SequencerError } from '../driver.ts'
import { inHalves, oneByOne } from './outcomes.ts'

const mailboxes = (count: number): MailboxAccount[] =>
  Array.from({ length: count }, (_, at) => testMailbox(`u${at}@ours.example`))

const told = (outcome: AddOutcome): string =>
  outcome.kind === 'failed' ? `${outcome.error.kind} ${outcome.error.maybeDone}` : outcome.kind

test('a mailbox that a batch is refused for does not cost the others, and is found in few calls', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 200 }),
      fc.array(fc.nat(199), { maxLength: 4 }),
      async (count, bad) => {
        const refused = new Set(bad.map((at) => `u${at}@ours.example`))
        const added: string[] = []
        let calls = 0
        const add = inHalves(async (accounts) => {
          calls += 1
          if (accounts.some(({ address }) => refused.has(address)))
            throw new SequencerError('validation', 'no')
          added.push(...accounts.map(({ address }) => address))
          return accounts.map(() => ({ kind: 'pending', ref: 'r' }))
        })
        const all = mailboxes(count)
        const outcomes = await add(all)
        assert.deepEqual(
          outcomes.map(told),
          all.map(({ address }) => (refused.has(address) ? 'validation false' : 'pending')),
        )
        assert.equal(new Set(added).size, added.length)
        assert.ok(calls <= 1 + 4 * 2 * 8, `${calls} calls`)
      },
    ),
    { numRuns: 200 },
  )
})

test('what concerns all is thrown, unless some have been added before', async () => {
  const stops = (after: number) => {
    let calls = 0
    return oneByOne(async ({ address }) => {
      if (calls++ >= after) throw new SequencerError('upstream', 'down', { maybeDone: true })
      return { kind: 'added', account: { id: address, address, status: 'connected', words: null } }
    })
  }
  await assert.rejects(stops(0)(mailboxes(3)), { kind: 'upstream', maybeDone: true })
  assert.deepEqual((await stops(1)(mailboxes(3))).map(told), ['added', 'upstream true', 'upstream false'])
  assert.deepEqual(await stops(0)([]), [])
})
