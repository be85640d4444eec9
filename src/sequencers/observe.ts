/**
 * The look at all accounts of a connection, beside what we know of ours. An account that is there before it was pushed
 * is taken for ours; one that is gone was taken away there by somebody, and is told of.
 */
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { type AccountPage, type RemoteAccount, SequencerError } from './driver.ts'
import { keepChanges, type RowChange } from './keeping.ts'
import { sequencerPolicy } from './policy.ts'
import type { Sequencer, SequencerMailbox } from './rows.ts'
import { change, lockOfRun, noteSucceeded, type Run } from './run.ts'
import { afterMissing, afterSeen, queuedAnew } from './transitions.ts'
import { digestOf, type WantedMailbox, wantedMailboxes } from './wanted.ts'

/** @throws SequencerError. */
export async function observe(run: Run): Promise<void> {
  const { platform, sequencer } = run
  const startedAt = platform.clock.now()
  try {
    await observePages(run)
    await observeMissing(run, startedAt)
  } catch (error) {
    // One that shows no list is worked with all the same.
    if (!(error instanceof SequencerError && error.kind === 'unsupported')) throw error
  }
  await platform.db
    .updateTable('sequencers')
    .set({ observed_at: startedAt })
    .where('id', '=', sequencer.id)
    .execute()
}

async function observePages(run: Run): Promise<void> {
  let cursor: string | null = null
  for (let page = 0; page < sequencerPolicy.pagesMax; page++) {
    const { accounts, next }: AccountPage = await run.driver.list(cursor)
    noteSucceeded(run)
    await noteSeen(run, accounts)
    if (next === null || next === cursor) return
    cursor = next
  }
}

async function noteSeen(run: Run, accounts: readonly RemoteAccount[]): Promise<void> {
  const { platform } = run
  const byAddress = new Map(accounts.map((account) => [account.address.toLowerCase(), account]))
  await transaction(platform.db, async (tx) => {
    const sequencer = await lockOfRun(tx, run)
    const { rows } = await sql<SequencerMailbox>`
      select * from sequencer_mailboxes where sequencer_id = ${sequencer.id}::uuid
        and address = any(${[...byAddress.keys()]}::text[]) order by mailbox_id`.execute(tx)
    const adopted = rows.filter(isUnknown).map(({ mailbox_id: id }) => id)
    const wanted = await wantedMailboxes(platform, tx, adopted, sequencer.settings)
    const changes = rows.flatMap((before): RowChange[] => {
      const account = byAddress.get(before.address.toLowerCase())
      if (!account) return []
      return [{ before, after: afterListed(run, sequencer, before, account, wanted.get(before.mailbox_id)) }]
    })
    await keepChanges(platform, tx, sequencer, changes)
  })
}

/** To be added, as far as we know. */
function isUnknown(row: SequencerMailbox): boolean {
  return row.remote_id === null && !row.uncertain && (row.state === 'queued' || row.state === 'missing')
}

function afterListed(
  { platform }: Run,
  { settings }: Sequencer,
  row: SequencerMailbox,
  account: RemoteAccount,
  wanted: WantedMailbox | undefined,
): SequencerMailbox {
  const now = platform.clock.now()
  const seen = { ...row, remote_id: account.id, remote_status: account.status, observed_at: now }
  if (isUnknown(row) && wanted?.account) {
    // It is as it should be when it works; else it is told how it should be.
    const told = digestOf(platform, row.mailbox_id, wanted.account)
    const after = afterSeen({ ...row, ...told, pushed_at: now, compared_at: now }, account, now)
    return after.state === 'disconnected' ? { ...seen, state: 'queued', next_attempt_at: now } : after
  }
  switch (row.state) {
    case 'connected':
    case 'disconnected': {
      // A list may say nothing of how an account stands.
      if (account.status === 'pending' || account.status === 'unknown') return seen
      const after = afterSeen(row, account, now)
      const isLost = row.state === 'connected' && after.state === 'disconnected'
      return isLost && settings.auto_reconnect === true ? queuedAnew(after, now) : after
    }
    case 'confirming':
      return account.status === 'pending' ? seen : afterSeen(row, account, now)
    case 'queued':
      if (!row.uncertain) return row.remote_id === null ? row : seen
      return row.remote_id === null ? afterSeen(row, account, now) : { ...seen, uncertain: false }
    case 'missing':
      return afterSeen(row, account, now)
    case 'failed':
    case 'inactive':
    case 'removing':
      return { ...seen, uncertain: false }
  }
}

/** Those that no page had are looked for one by one: a list that changes while it is read may pass one over. */
async function observeMissing(run: Run, since: Date): Promise<void> {
  const { platform, sequencer, driver } = run
  const { rows } = await sql<SequencerMailbox>`
    select * from sequencer_mailboxes
    where sequencer_id = ${sequencer.id}::uuid and state in ('connected', 'disconnected') and pushed_at < ${since}
      and (observed_at is null or observed_at < ${since})
    order by observed_at nulls first limit ${sequencerPolicy.lookUpsMax}`.execute(platform.db)
  for (const { mailbox_id: id, address } of rows) {
    if (run.isOver()) return
    const account = await driver.find(address)
    await change(run, [id], (row, { settings }) => {
      if (row.state !== 'connected' && row.state !== 'disconnected') return row
      const now = platform.clock.now()
      return account === null
        ? afterMissing(row, settings.auto_reconnect === true, now)
        : afterSeen(row, account, now)
    })
  }
}
