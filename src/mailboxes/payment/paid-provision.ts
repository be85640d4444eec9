/** New mailboxes that are paid for: all addresses first, then one payment, and then those that are paid. */
import { sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { joinWrites, noWrites, type Writes } from '../../billing/writes.ts'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { Candidate, Making, ProvisionResult } from '../new-mailbox.ts'
import { claimStatement } from '../new-mailbox-rows.ts'
import {
  claim,
  type Fail,
  inStatements,
  insertClaimed,
  type Prepared,
  prepare,
} from '../new-mailbox-writing.ts'
import { addressTaken } from '../room.ts'
import type { Mailbox } from '../tables.ts'
import { draftFirst, openTill, type Till } from './purchase.ts'

/** Makes those that can be paid. The wallet is locked for as short as can be. */
export async function makePaid(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  candidates: readonly Candidate[],
  making: Making,
  fail: Fail,
  results: Map<number, ProvisionResult>,
): Promise<void> {
  const { claimed, till } = await claimAndLock(platform, tx, scope, candidates, making, fail)
  if (till === null) return
  const { paid, writes } = await payPrepared(platform, tx, till, claimed, making, fail)
  const [first = [], ...others] = inStatements(paid)
  // What is paid is written on one way with what it is paid for.
  await insertClaimed(platform, tx, first, making.by, results, writes)
  for (const some of others) await insertClaimed(platform, tx, some, making.by, results)
}

/** @returns those whose address is theirs, and the wallet, locked after it; null where there are none. */
async function claimAndLock(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  candidates: readonly Candidate[],
  making: Making,
  fail: Fail,
): Promise<{ claimed: Prepared[]; till: Till | null }> {
  const [some, ...others] = inStatements(candidates)
  if (some === undefined) return { claimed: [], till: null }
  // Where no address is drawn again, none is waited for with the wallet locked.
  if (others.length === 0 && some.every(({ redraw }) => redraw === null))
    return await claimWithLock(platform, tx, scope, prepare(platform, scope, some, making), fail)
  const claimed: Prepared[] = []
  for (const part of [some, ...others])
    claimed.push(...(await claim(tx, prepare(platform, scope, part, making), fail)))
  return { claimed, till: claimed.length === 0 ? null : await openTill(platform, tx, scope) }
}

/** Both on one way to the database. */
async function claimWithLock(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  prepared: readonly Prepared[],
  fail: Fail,
): Promise<{ claimed: Prepared[]; till: Till }> {
  const { before, ...till } = await openTill(platform, tx, scope, [
    claimStatement(prepared.map(({ row }) => row)),
  ])
  const rows = (before[0]?.rows ?? []) as { address: string }[] // together knows no types
  const won = new Set(rows.map(({ address }) => address))
  const claimed = prepared.filter(({ candidate, row }) => {
    if (!won.has(row.address)) fail(candidate.index, addressTaken(row.address))
    return won.has(row.address)
  })
  return { claimed, till }
}

/** The money goes to the first in the order of the call. @returns those that are paid, or wait for it. */
async function payPrepared(
  platform: Platform,
  tx: Tx,
  till: Till,
  claimed: readonly Prepared[],
  { waitsForPayment }: Making,
  fail: Fail,
): Promise<{ paid: Prepared[]; writes: Writes }> {
  const ordered = [...claimed].sort((a, b) => a.candidate.index - b.candidate.index)
  const { payments, writes } = await draftFirst(
    platform,
    tx,
    till,
    ordered.map(({ row }) => {
      const { period_anchor_at: startsAt, period_ends_at: endsAt } = row
      return { ...row, times: startsAt !== null && endsAt !== null ? { startsAt, endsAt } : null }
    }),
  )
  const lost: string[] = []
  const paid = ordered.flatMap((one, at): Prepared[] => {
    const { inSlot = false, refusal = null } = payments[at] ?? {}
    if (refusal === null) return [{ ...one, row: { ...one.row, in_slot: inSlot } }]
    if (waitsForPayment && refusal.code !== 'item_not_priced') return [{ ...one, row: waiting(one.row) }]
    fail(one.candidate.index, refusal)
    lost.push(one.row.id)
    return []
  })
  return { paid, writes: lost.length === 0 ? writes : joinWrites(writes, unclaim(lost)) }
}

function unclaim(mailboxIds: readonly string[]): Writes {
  return {
    ...noWrites,
    statements: [sql`delete from addresses where mailbox_id = any(${uuidArray(mailboxIds)})`],
  }
}

function waiting(row: Mailbox): Mailbox {
  return { ...row, state: 'waiting_payment', period_anchor_at: null, period_ends_at: null }
}
