/** Taking mailboxes away from sequencers, and connections with them. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { type Choice, type ChosenMailbox, chooseMailboxes } from './choice.ts'
import { getSequencerLocked, tellOfSequencer } from './connections.ts'
import { failExportsOf } from './exports.ts'
import { wakeSequencers } from './jobs.ts'
import { keepChanges, type RowChange } from './keeping.ts'
import { rowsOf, type Sequencer, type SequencerMailbox } from './rows.ts'

/** removing: its account is to be taken away there. forgotten: nothing of it was there, or it is left there. */
export type Removal = ChosenMailbox & { outcome: 'removing' | 'forgotten' | 'not_there' }

/**
 * Takes mailboxes away from a sequencer.
 * @param abandon whether their accounts may stay there: for a sequencer that is gone, or cannot remove by its API.
 * @throws Refusal sequencer_not_found, mailbox_not_found, domain_not_found, invalid_request, forbidden.
 */
export async function removeFromSequencer(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  choice: Choice,
  abandon: boolean,
): Promise<Removal[]> {
  const sequencer = await getSequencerLocked(platform, tx, scope, ref)
  const chosen = await chooseThere(platform, tx, scope, sequencer, choice)
  const ids = chosen.map(({ id }) => id)
  const changes = removals(platform, await rowsOf(tx, sequencer.id, ids), abandon)
  await keepChanges(platform, tx, sequencer, changes)
  await wakeSequencers(tx, [sequencer.id])
  const byId = new Map(changes.map((change) => [change.before.mailbox_id, change]))
  return chosen.map((mailbox) => {
    const change = byId.get(mailbox.id)
    const outcome = change === undefined ? 'not_there' : change.after === null ? 'forgotten' : 'removing'
    return { ...mailbox, outcome }
  })
}

/** Those that are there may be named also when their mailbox is gone for good, or has another address now. */
async function chooseThere(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { id }: Sequencer,
  choice: Choice,
): Promise<ChosenMailbox[]> {
  if (!('refs' in choice)) return await chooseMailboxes(platform, tx, scope, choice)
  const given = new Set(choice.refs.map((ref) => ref.toLowerCase()))
  const rows = await tx
    .selectFrom('sequencer_mailboxes')
    .select(['mailbox_id', 'address'])
    .where('sequencer_id', '=', id)
    .where(
      sql<boolean>`(mailbox_id::text = any(${[...given]}::text[]) or address = any(${[...given]}::text[]))`,
    )
    .execute()
  for (const { mailbox_id, address } of rows) for (const name of [mailbox_id, address]) given.delete(name)
  const there = rows.map(({ mailbox_id, address }) => ({ id: mailbox_id, address }))
  if (given.size === 0 && there.length > 0) return there
  const others = await chooseMailboxes(platform, tx, scope, { refs: [...given] })
  return [...there, ...others.filter((one) => there.every(({ id: known }) => known !== one.id))]
}

function removals(platform: Platform, rows: readonly SequencerMailbox[], abandon: boolean): RowChange[] {
  const now = platform.clock.now()
  return rows.map((before) => {
    const mayBeThere = before.remote_id !== null || before.uncertain || before.state === 'confirming'
    if (abandon || !mayBeThere) return { before, after: null }
    const after = { ...before, state: 'removing' as const, wanted: false, attempts: 0, next_attempt_at: now }
    return { before, after }
  })
}

export type Deletion = {
  /** Whether the accounts there may stay. */
  abandon: boolean
  /** Whether the accounts are taken away there first. */
  removeAccounts: boolean
}

/**
 * Deletes a connection, or has it deleted as soon as its accounts are taken away there.
 * @returns the connection that is left for that; null when it is gone.
 * @throws Refusal sequencer_not_found, sequencer_in_use, invalid_request, forbidden.
 */
export async function deleteSequencer(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  { abandon, removeAccounts }: Deletion,
): Promise<Sequencer | null> {
  if (abandon && removeAccounts) {
    throw new Refusal('invalid_request', 'Accounts are either removed there or abandoned.')
  }
  const sequencer = await getSequencerLocked(platform, tx, scope, ref)
  const rows = await tx
    .selectFrom('sequencer_mailboxes')
    .selectAll()
    .where('sequencer_id', '=', sequencer.id)
    .orderBy('mailbox_id')
    .execute()
  if (rows.length > 0 && !abandon && !removeAccounts) {
    throw new Refusal('sequencer_in_use', `${rows.length} mailboxes are to be there.`)
  }
  if (removeAccounts) await keepChanges(platform, tx, sequencer, removals(platform, rows, false))
  if (removeAccounts && rows.length > 0) {
    await wakeSequencers(tx, [sequencer.id])
    return await tx
      .updateTable('sequencers')
      .set({ delete_when_empty: true, updated_at: platform.clock.now() })
      .where('id', '=', sequencer.id)
      .returningAll()
      .executeTakeFirstOrThrow()
  }
  await dropSequencer(platform, tx, sequencer)
  return null
}

/** Removes the row, with those of its mailboxes. @param sequencer locked. */
export async function dropSequencer(platform: Platform, tx: Tx, sequencer: Sequencer): Promise<void> {
  await failExportsOf(platform, tx, sequencer.id)
  await tx.deleteFrom('sequencers').where('id', '=', sequencer.id).execute()
  await tellOfSequencer(platform, tx, 'sequencer.deleted', sequencer)
}
