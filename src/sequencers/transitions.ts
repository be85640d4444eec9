/** How the row of a mailbox at a sequencer becomes another: what the sequencer said, what failed, what is wanted anew. */
import { isPassing, type RemoteAccount, type RemoteStatus, type SequencerError } from './driver.ts'
import { type PlatformName, sequencerPlatforms } from './platforms.ts'
import { sequencerPolicy } from './policy.ts'
import type { SequencerMailbox } from './rows.ts'
import type { SequencerMailboxErrorKind, SequencerMailboxState } from './tables.ts'
import type { Unpushable } from './wanted.ts'

const settled = {
  pending_ref: null,
  uncertain: false,
  attempts: 0,
  next_attempt_at: null,
  error_kind: null,
  last_error: null,
} as const

const stateOfStatus: Readonly<Record<RemoteStatus, SequencerMailboxState>> = {
  connected: 'connected',
  paused: 'connected', // by its owner there
  unknown: 'connected',
  pending: 'confirming',
  smtp_error: 'disconnected',
  imap_error: 'disconnected',
  auth_error: 'disconnected',
  suspended: 'disconnected',
}

/** The sequencer has it and says how it stands with it. What is to be taken away there stays so. */
export function afterSeen(row: SequencerMailbox, account: RemoteAccount, now: Date): SequencerMailbox {
  const seen = { remote_id: account.id, remote_status: account.status, observed_at: now }
  if (row.state === 'removing') return { ...row, ...seen, uncertain: false, next_attempt_at: now }
  if (row.state === 'inactive') return { ...row, ...seen, uncertain: false, pending_ref: null }
  const state = stateOfStatus[account.status]
  if (state === 'confirming') return afterPending({ ...row, ...seen }, null, now)
  if (state === 'connected') return { ...row, ...seen, ...settled, state }
  const words = account.words ?? `The sequencer says ${account.status}.`
  return { ...row, ...seen, ...settled, state, error_kind: 'connect_failed', last_error: words }
}

/** What became of it comes later. */
export function afterPending(row: SequencerMailbox, ref: string | null, now: Date): SequencerMailbox {
  const { confirmPauseMsMin: min, confirmPauseMsMax: max } = sequencerPolicy
  const isFirst = row.state !== 'confirming'
  const attempts = isFirst ? 0 : row.attempts + 1
  return {
    ...row,
    ...settled,
    state: row.state === 'removing' || row.state === 'inactive' ? row.state : 'confirming',
    pending_ref: ref ?? (isFirst ? null : row.pending_ref),
    attempts,
    next_attempt_at: new Date(now.getTime() + Math.min(min * 2 ** Math.min(attempts, 20), max)),
  }
}

/** It has not shown itself: it waits on, until it would have done so long ago. */
export function afterUnseen(row: SequencerMailbox, platform: PlatformName, now: Date): SequencerMailbox {
  const waitedMs = now.getTime() - (row.pushed_at ?? row.created_at).getTime()
  if (waitedMs < sequencerPlatforms[platform].confirmMsMax) return afterPending(row, null, now)
  const words = 'The sequencer took it, and has not shown it since.'
  const state = row.remote_id === null ? ('failed' as const) : ('disconnected' as const)
  return { ...row, ...settled, state, error_kind: 'not_confirmed', last_error: words }
}

/** What was begun may have been done: it is looked for before anything else. */
export function afterDoubt(row: SequencerMailbox, error: SequencerError, now: Date): SequencerMailbox {
  const next = new Date(now.getTime() + sequencerPolicy.uncertainPauseMs)
  return { ...row, uncertain: true, next_attempt_at: next, error_kind: error.kind, last_error: error.message }
}

/** It was not done. @param error of this mailbox; what concerns the whole connection is no attempt. */
export function afterFailure(row: SequencerMailbox, error: SequencerError, now: Date): SequencerMailbox {
  const said = { error_kind: error.kind, last_error: error.message }
  if (concernsConnection(error)) return { ...row, ...said, uncertain: false, next_attempt_at: now }
  if (error.kind === 'gone' && row.remote_id !== null && row.state === 'queued') {
    return { ...row, ...said, ...nothingThere, uncertain: false, next_attempt_at: now }
  }
  const attempts = row.attempts + 1
  const isOver = !isPassing(error) || attempts >= sequencerPolicy.attemptsMax
  if (isOver) return { ...row, ...settled, ...said, state: row.state === 'inactive' ? row.state : 'failed' }
  const { retryMs } = sequencerPolicy
  const pauseMs = retryMs[Math.min(attempts, retryMs.length) - 1] ?? 0
  return {
    ...row,
    ...said,
    uncertain: false,
    attempts,
    next_attempt_at: new Date(now.getTime() + Math.max(pauseMs, error.retryAfterMs ?? 0)),
  }
}

/** Nothing of it is there, as far as we know. */
export const nothingThere = {
  remote_id: null,
  remote_status: null,
  pushed_digest: null,
  pushed_key_id: null,
  pending_ref: null,
} as const

/** What concerns every mailbox of a connection, not this one. */
export function concernsConnection({ kind }: SequencerError): boolean {
  return kind === 'bad_key' || kind === 'no_plan' || kind === 'rate_limited'
}

/** It cannot be pushed now. What is there is left alone, or taken away where the connection says so. */
export function afterUnpushable(
  row: SequencerMailbox,
  { kind, words }: Unpushable,
  removes: boolean,
  now: Date,
): SequencerMailbox {
  if (row.state === 'removing') return row
  const said = { error_kind: kind, last_error: words }
  if (kind !== 'not_active') return { ...row, ...settled, ...said, state: 'failed' }
  const mayBeThere = row.remote_id !== null || row.uncertain || row.state === 'confirming'
  return removes && mayBeThere
    ? { ...row, ...said, state: 'removing', attempts: 0, next_attempt_at: now }
    : { ...row, ...said, state: 'inactive', attempts: 0, next_attempt_at: null }
}

/** To be pushed, or pushed again, now. */
export function queuedAnew(row: SequencerMailbox, now: Date): SequencerMailbox {
  const { uncertain } = row
  return { ...row, ...settled, uncertain, state: 'queued', wanted: true, next_attempt_at: now }
}

/** The sequencer has it no longer, without us. */
export function afterMissing(row: SequencerMailbox, reconnects: boolean, now: Date): SequencerMailbox {
  const words = 'It was taken away there.'
  const gone = { ...row, ...settled, ...nothingThere, observed_at: now }
  if (reconnects) return queuedAnew(gone, now)
  const error_kind: SequencerMailboxErrorKind = 'missing'
  return { ...gone, state: 'missing', error_kind, last_error: words }
}

/** It is not there any more, as was wanted. @returns null when nothing is left to be known of it. */
export function afterRemoved(row: SequencerMailbox): SequencerMailbox | null {
  if (!row.wanted) return null
  return { ...row, ...nothingThere, uncertain: false, attempts: 0, next_attempt_at: null, state: 'inactive' }
}
