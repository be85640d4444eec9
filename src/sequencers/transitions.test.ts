import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type RemoteAccount, SequencerError, type SequencerErrorKind } from './driver.ts'
import { sequencerPlatforms } from './platforms.ts'
import { sequencerPolicy } from './policy.ts'
import type { SequencerMailbox } from './rows.ts'
import {
  afterDoubt,
  afterFailure,
  afterMissing,
  afterPending,
  afterRemoved,
  afterSeen,
  afterUnpushable,
  afterUnseen,
  nothingThere,
  queuedAnew,
} from './transitions.ts'

const now = new Date('2026-05-01T12:00:00Z')
const after = (ms: number): Date => new Date(now.getTime() + ms)

/** Pushed a minute ago and in doubt since, with a trace of everything that may have to go. */
function rowOf(more: Partial<SequencerMailbox> = {}): SequencerMailbox {
  return {
    sequencer_id: 'sequencer',
    mailbox_id: 'mailbox',
    workspace_id: 'workspace',
    state: 'queued',
    wanted: true,
    address: 'ada@ours.example',
    pushed_digest: Buffer.from('digest'),
    pushed_key_id: 'key',
    remote_id: null,
    remote_status: null,
    pending_ref: 'batch',
    uncertain: true,
    attempts: 2,
    next_attempt_at: after(-1),
    error_kind: 'upstream',
    last_error: 'It failed.',
    pushed_at: after(-60_000),
    observed_at: null,
    compared_at: null,
    created_at: after(-120_000),
    updated_at: after(-60_000),
    ...more,
  }
}

const accountOf = (more: Partial<RemoteAccount> = {}): RemoteAccount => ({
  id: 'r1',
  address: 'ada@ours.example',
  status: 'connected',
  words: null,
  ...more,
})

const settled = {
  pending_ref: null,
  uncertain: false,
  attempts: 0,
  next_attempt_at: null,
  error_kind: null,
  last_error: null,
}

describe('the sequencer has it', () => {
  for (const status of ['connected', 'paused', 'unknown'] as const) {
    test(`${status}: nothing is left to be done, and nothing is wrong`, () => {
      const row = rowOf()
      assert.deepEqual(afterSeen(row, accountOf({ status }), now), {
        ...row,
        ...settled,
        state: 'connected',
        remote_id: 'r1',
        remote_status: status,
        observed_at: now,
      })
    })
  }

  for (const status of ['smtp_error', 'imap_error', 'auth_error', 'suspended'] as const) {
    test(`${status}: it has it and cannot use it, in its words if it has some`, () => {
      const row = rowOf()
      const said = afterSeen(row, accountOf({ status, words: '535 no' }), now)
      assert.deepEqual(said, {
        ...row,
        ...settled,
        state: 'disconnected',
        error_kind: 'connect_failed',
        last_error: '535 no',
        remote_id: 'r1',
        remote_status: status,
        observed_at: now,
      })
      const { last_error: words } = afterSeen(row, accountOf({ status }), now)
      assert.equal(words, `The sequencer says ${status}.`)
    })
  }

  test('pending: it is looked at again', () => {
    const seen = afterSeen(rowOf(), accountOf({ status: 'pending' }), now)
    assert.deepEqual(
      [seen.state, seen.remote_id, seen.next_attempt_at],
      ['confirming', 'r1', after(sequencerPolicy.confirmPauseMsMin)],
    )
  })

  test('what is to be taken away is taken away at once; what is inactive stays so', () => {
    const removing = rowOf({ state: 'removing' })
    const seen = { remote_id: 'r1', remote_status: 'connected', observed_at: now, uncertain: false } as const
    assert.deepEqual(afterSeen(removing, accountOf(), now), { ...removing, ...seen, next_attempt_at: now })
    const inactive = rowOf({ state: 'inactive' })
    assert.deepEqual(afterSeen(inactive, accountOf(), now), { ...inactive, ...seen, pending_ref: null })
  })
})

describe('what became of it comes later', () => {
  test('pauses become longer, up to a bound', () => {
    let row = afterPending(rowOf(), 'b1', now)
    assert.deepEqual(
      [row.state, row.uncertain, row.attempts, row.pending_ref],
      ['confirming', false, 0, 'b1'],
    )
    const pauses: number[] = []
    for (let looks = 0; looks < 40; looks++) {
      pauses.push(Number(row.next_attempt_at) - now.getTime())
      row = afterPending(row, null, now)
    }
    const { confirmPauseMsMin: min, confirmPauseMsMax: max } = sequencerPolicy
    assert.deepEqual(pauses.slice(0, 4), [min, 2 * min, 4 * min, 8 * min])
    assert.equal(pauses.at(-1), max)
    assert.ok(pauses.every((pause) => pause <= max))
    assert.equal(row.pending_ref, 'b1', 'what to ask by is kept')
  })

  test('what to ask by is not that of an older push', () => {
    assert.equal(afterPending(rowOf({ pending_ref: 'old' }), null, now).pending_ref, null)
  })

  for (const state of ['removing', 'inactive'] as const) {
    test(`what is ${state} stays so`, () => {
      assert.equal(afterPending(rowOf({ state }), null, now).state, state)
    })
  }
})

describe('it does not show itself', () => {
  const waits = sequencerPlatforms.plusvibe.confirmMsMax
  const pushed = (ago: number, more: Partial<SequencerMailbox> = {}) =>
    rowOf({ state: 'confirming', pushed_at: after(-ago), ...more })

  test('for a while it is awaited', () => {
    const row = afterUnseen(pushed(waits - 1), 'plusvibe', now)
    assert.deepEqual([row.state, row.attempts], ['confirming', 3])
  })

  test('then it has failed, or is disconnected where it was there before', () => {
    const row = pushed(waits)
    const given = { ...settled, error_kind: 'not_confirmed' }
    const unseen = afterUnseen(row, 'plusvibe', now)
    assert.match(unseen.last_error ?? '', /has not shown it/)
    assert.deepEqual({ ...unseen, last_error: null }, { ...row, ...given, last_error: null, state: 'failed' })
    assert.equal(afterUnseen(pushed(waits, { remote_id: 'r1' }), 'plusvibe', now).state, 'disconnected')
  })

  test('one that was never pushed counts from its making', () => {
    const row = rowOf({ state: 'confirming', pushed_at: null, created_at: after(-waits) })
    assert.equal(afterUnseen(row, 'plusvibe', now).state, 'failed')
  })
})

describe('it may have been done, or was not', () => {
  test('in doubt it is looked for soon, and is no attempt', () => {
    const row = rowOf({ uncertain: false })
    const error = new SequencerError('unreachable', 'No answer.', { maybeDone: true })
    assert.deepEqual(afterDoubt(row, error, now), {
      ...row,
      uncertain: true,
      next_attempt_at: after(sequencerPolicy.uncertainPauseMs),
      error_kind: 'unreachable',
      last_error: 'No answer.',
    })
  })

  for (const kind of ['bad_key', 'no_plan', 'rate_limited'] as const) {
    test(`${kind} concerns the connection, and is no attempt`, () => {
      const row = rowOf({ attempts: sequencerPolicy.attemptsMax })
      const failed = afterFailure(row, new SequencerError(kind, 'No.'), now)
      const said = { error_kind: kind, last_error: 'No.' }
      assert.deepEqual(failed, { ...row, ...said, uncertain: false, next_attempt_at: now })
    })
  }

  for (const kind of ['upstream', 'unreachable'] as const) {
    test(`${kind} is tried again, less and less, and given up`, () => {
      let row = rowOf({ attempts: 0 })
      const pauses: number[] = []
      for (let tries = 0; row.state === 'queued' && tries < 20; tries++) {
        pauses.push(Number(row.next_attempt_at) - now.getTime())
        row = afterFailure(row, new SequencerError(kind, 'Out of order.'), now)
        assert.equal(row.uncertain, false)
      }
      const longest = sequencerPolicy.retryMs.at(-1)
      assert.deepEqual(pauses.slice(1), [...sequencerPolicy.retryMs, longest])
      const said = { error_kind: kind, last_error: 'Out of order.' }
      assert.deepEqual(row, { ...rowOf(), ...settled, ...said, state: 'failed' })
    })
  }

  test('where the sequencer says for how long, not sooner', () => {
    const error = new SequencerError('upstream', 'Later.', { retryAfterMs: 90_000 })
    assert.deepEqual(afterFailure(rowOf({ attempts: 0 }), error, now).next_attempt_at, after(90_000))
  })

  const final: readonly SequencerErrorKind[] = ['duplicate', 'validation', 'connect_failed', 'unsupported']
  for (const kind of final) {
    test(`${kind} has failed at once; what is inactive stays so`, () => {
      const error = new SequencerError(kind, 'No.')
      const said = { error_kind: kind, last_error: 'No.' }
      assert.deepEqual(afterFailure(rowOf(), error, now), {
        ...rowOf(),
        ...settled,
        ...said,
        state: 'failed',
      })
      assert.equal(afterFailure(rowOf({ state: 'inactive' }), error, now).state, 'inactive')
    })
  }

  test('one that is gone is added anew where it is to be changed, and fails elsewhere', () => {
    const gone = new SequencerError('gone', 'No such account.')
    const said = { error_kind: 'gone', last_error: 'No such account.' }
    const row = rowOf({ remote_id: 'r1', remote_status: 'connected' })
    const changed = { ...row, ...said, ...nothingThere, uncertain: false, next_attempt_at: now }
    assert.deepEqual(afterFailure(row, gone, now), changed)
    assert.equal(changed.remote_id, null)
    assert.equal(afterFailure(rowOf(), gone, now).state, 'failed')
    assert.equal(afterFailure({ ...row, state: 'removing' }, gone, now).state, 'failed')
  })
})

describe('it cannot be pushed', () => {
  const suspended = { kind: 'not_active', words: 'It is suspended.' } as const
  const said = { error_kind: 'not_active', last_error: 'It is suspended.', attempts: 0 } as const

  test('for good: it has failed, with the reason', () => {
    const unpushable = afterUnpushable(rowOf(), { kind: 'no_password', words: 'None.' }, true, now)
    const failed = { ...settled, error_kind: 'no_password', last_error: 'None.', state: 'failed' }
    assert.deepEqual(unpushable, { ...rowOf(), ...failed })
  })

  const there: readonly Partial<SequencerMailbox>[] = [
    { remote_id: 'r1', uncertain: false },
    { uncertain: true },
    { state: 'confirming', uncertain: false },
  ]
  for (const more of there) {
    test(`for now, where it may be there: ${JSON.stringify(more)}`, () => {
      const row = rowOf(more)
      const removing = { ...row, ...said, state: 'removing', next_attempt_at: now }
      assert.deepEqual(afterUnpushable(row, suspended, true, now), removing)
      const inactive = { ...row, ...said, state: 'inactive', next_attempt_at: null }
      assert.deepEqual(afterUnpushable(row, suspended, false, now), inactive)
    })
  }

  test('for now, where it was never there: nothing is taken away', () => {
    const row = rowOf({ uncertain: false })
    assert.equal(afterUnpushable(row, suspended, true, now).state, 'inactive')
  })

  test('what is being taken away goes on', () => {
    const row = rowOf({ state: 'removing' })
    assert.equal(afterUnpushable(row, suspended, false, now), row)
  })
})

describe('it is gone there', () => {
  const row = rowOf({ state: 'connected', remote_id: 'r1', remote_status: 'connected' })

  test('without us: it is told of, or pushed anew where that is wanted', () => {
    const gone = { ...row, ...settled, ...nothingThere, observed_at: now }
    const missing = {
      ...gone,
      state: 'missing',
      error_kind: 'missing',
      last_error: 'It was taken away there.',
    }
    assert.deepEqual(afterMissing(row, false, now), missing)
    assert.deepEqual(afterMissing(row, true, now), { ...gone, state: 'queued', next_attempt_at: now })
  })

  test('as was wanted: nothing is known of it any more; what is wanted still is inactive', () => {
    assert.equal(afterRemoved({ ...row, wanted: false }), null)
    assert.deepEqual(afterRemoved({ ...row, state: 'removing' }), {
      ...row,
      ...nothingThere,
      state: 'inactive',
      uncertain: false,
      attempts: 0,
      next_attempt_at: null,
    })
  })
})

test('pushed anew: at once, wanted, and as much in doubt as before', () => {
  for (const uncertain of [true, false]) {
    const row = rowOf({ state: 'inactive', wanted: false, uncertain })
    const queued = { ...row, ...settled, uncertain, state: 'queued', wanted: true, next_attempt_at: now }
    assert.deepEqual(queuedAnew(row, now), queued)
  }
})
