/** Mailboxes on their way into the database: prepared, their addresses claimed, and written as sets with all they need. */
import type { Scope } from '../accounts/principals.ts'
import { joinWrites, noWrites, send, type Writes } from '../billing/writes.ts'
import type { Tx } from '../platform/database.ts'
import type { Refusal } from '../platform/errors.ts'
import type { NewEvent } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import type { Address } from './address.ts'
import { engineOf } from './engines.ts'
import { drawsMax } from './new-address.ts'
import type { Candidate, Fulfilment, Making, ProvisionResult } from './new-mailbox.ts'
import { claimAddresses, mailboxesStatement, mailboxRow, passwordsStatement } from './new-mailbox-rows.ts'
import { generatePassword, type StoredPassword, storePassword } from './passwords.ts'
import { addressTaken } from './room.ts'
import { searchTextOf } from './search-text.ts'
import type { Mailbox } from './tables.ts'

/** Keeps an item from being made. */
export type Fail = (index: number, refusal: Refusal) => void

// A statement of this many rows is large enough for speed and lets the next be prepared while it runs.
const rowsPerStatement = 1000

/** All of them, as many at a time as one statement takes. */
export function* inStatements<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += rowsPerStatement) yield all.slice(at, at + rowsPerStatement)
}

/** A mailbox that is ready to be written, but for its address. */
export type Prepared = { candidate: Candidate; row: Mailbox; password: StoredPassword }

export function prepare(
  platform: Platform,
  scope: Scope,
  candidates: readonly Candidate[],
  making: Making,
): Prepared[] {
  const now = platform.clock.now()
  return candidates.map((candidate) => {
    const row = mailboxRow(platform, scope, candidate, making, now)
    const password = candidate.item.password ?? generatePassword()
    return { candidate, row, password: storePassword(platform.vault, row.id, password) }
  })
}

/**
 * Writes them, with their events and what their engines need.
 * @param writes what is sent with them, before them.
 */
export async function insertClaimed(
  platform: Platform,
  tx: Tx,
  winners: readonly Prepared[],
  by: Fulfilment,
  results: Map<number, ProvisionResult>,
  writes: Writes = noWrites,
): Promise<void> {
  const rows = winners.map(({ row }) => row)
  const inserts = rows.length === 0 ? [] : [mailboxesStatement(rows), passwordsStatement(platform, winners)]
  await send(platform, tx, joinWrites(writes, { statements: inserts, events: rows.map(created) }))
  await provisionEngines(platform, tx, rows, by)
  for (const { candidate, row } of winners) {
    results.set(candidate.index, { status: row.state === 'active' ? 'created' : 'pending', mailbox: row })
  }
}

function created(row: Mailbox): NewEvent {
  const { id, organization_id: organizationId, workspace_id: workspaceId, address, state } = row
  const data = { mailbox_id: id, address, state }
  return { type: 'mailbox.created', organizationId, workspaceId, mailboxId: id, data }
}

/** Takes the address of each, and draws a random one that is taken again. @returns those that have theirs. */
export async function claim(tx: Tx, prepared: readonly Prepared[], fail: Fail): Promise<Prepared[]> {
  const winners: Prepared[] = []
  let open = prepared
  for (let draws = 1; open.length > 0; draws++) {
    const won = await claimAddresses(
      tx,
      open.map(({ row }) => row),
    )
    winners.push(...open.filter(({ row }) => won.has(row.address)))
    open = open.flatMap((one) => {
      if (won.has(one.row.address)) return []
      const address = draws < drawsMax ? (one.candidate.redraw?.() ?? null) : null
      if (address !== null) return [withAddress(one, address)]
      fail(one.candidate.index, addressTaken(one.row.address))
      return []
    })
  }
  return winners
}

function withAddress({ candidate, row, password }: Prepared, { address }: Address): Prepared {
  const search_text = searchTextOf({ ...row, address })
  return { candidate, row: { ...row, address, search_text }, password }
}

async function provisionEngines(
  platform: Platform,
  tx: Tx,
  rows: readonly Mailbox[],
  by: Fulfilment,
): Promise<void> {
  for (const service of new Set(rows.map((row) => row.service))) {
    if (by === 'request' && service !== 'local') continue // what is elsewhere is made by whoever fulfils it
    const ids = rows.filter((row) => row.service === service).map((row) => row.id)
    await engineOf(platform, service)?.provision(platform, tx, ids)
  }
}
