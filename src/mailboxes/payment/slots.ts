/** Which mailboxes a plan pays for: its slots are taken before anything is paid by price. */
import { type RawBuilder, sql } from 'kysely'
import { type SlotsRow, slotsQuery } from '../../billing/slots.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { Mailbox, Service } from '../tables.ts'

export type SlotTaker = { id: string; workspace_id: string; service: Service; in_slot: boolean }

export type SlotRoom = {
  /**
   * Whether a slot is for this mailbox: it keeps its own while the plan has so many, and takes a free one. Those that
   * came last lose theirs first.
   */
  take(mailbox: SlotTaker): boolean
}

export type SlotMailbox = Pick<
  Mailbox,
  | 'id'
  | 'address'
  | 'domain_id'
  | 'state'
  | 'first_name'
  | 'last_name'
  | 'display_name'
  | 'period_ends_at'
  | 'created_at'
> & { domain: string }

/** In these states a mailbox has the slot that it was given. */
const hasSlot = sql`mailboxes.in_slot and mailboxes.state not in ('deleted', 'deletion_scheduled', 'failed')`

/** The slots of workspaces whose wallets this transaction has locked, as it counts them now. */
export async function slotRoom(tx: Tx, workspaceIds: readonly string[]): Promise<SlotRoom> {
  const { rows } = await slotRoomStatement(workspaceIds).execute(tx)
  return await slotRoomOf(tx, rows)
}

export type SlotRoomRow = SlotsRow & { used: number }

/**
 * The look at them, for who sends it with others: it has to run behind what locks the wallets, as a statement that waits
 * for a lock counts what was there before it waited.
 */
export function slotRoomStatement(workspaceIds: readonly string[]): RawBuilder<SlotRoomRow> {
  return sql<SlotRoomRow>`/* prepared slot_room */
    select slots.*, (select count(*)::int from mailboxes
      where mailboxes.workspace_id = slots."workspaceId" and ${hasSlot}) as used
    from (${slotsQuery(workspaceIds)}) as slots`
}

/** What was seen there. */
export async function slotRoomOf(tx: Tx, rows: readonly SlotRoomRow[]): Promise<SlotRoom> {
  const plans = new Map(rows.map((row) => [row.workspaceId, row]))
  const used = new Map(rows.map((row) => [row.workspaceId, row.used]))
  const beyond = await findBeyond(
    tx,
    [...used].flatMap(([id, count]) => {
      const allocated = plans.get(id)?.allocated ?? 0
      return allocated > 0 && count > allocated ? [{ id, allocated }] : []
    }),
  )
  const take = ({ id, workspace_id, service, in_slot }: SlotTaker): boolean => {
    const plan = plans.get(workspace_id)
    const count = used.get(workspace_id) ?? 0
    const isFor = plan?.services.includes(service) ?? false
    if (in_slot && isFor && count > 0 && !beyond.has(id) && (plan?.allocated ?? 0) > 0) return true
    if (in_slot) {
      used.set(workspace_id, count - 1)
      return false
    }
    if (!isFor || count >= (plan?.allocated ?? 0)) return false
    used.set(workspace_id, count + 1)
    return true
  }
  return { take }
}

/** Where a plan has become smaller: the newest mailboxes that it has no slot for any more. */
async function findBeyond(tx: Tx, plans: readonly { id: string; allocated: number }[]): Promise<Set<string>> {
  if (plans.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    select ranked.id from (
      select id, workspace_id, row_number() over (partition by workspace_id order by id) as place from mailboxes
      where workspace_id = any(${uuidArray(plans.map(({ id }) => id))}) and ${hasSlot}
    ) as ranked join unnest(${uuidArray(plans.map(({ id }) => id))}, ${plans.map(({ allocated }) => allocated)}::int[])
      as plan (workspace_id, allocated) on plan.workspace_id = ranked.workspace_id
    where place > allocated`.execute(tx)
  return new Set(rows.map(({ id }) => id))
}

/** How many mailboxes of a workspace have a slot of its plan. */
export async function usedSlots(tx: Tx, workspaceId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from mailboxes
    where workspace_id = ${workspaceId}::uuid and ${hasSlot}`.execute(tx)
  return rows[0]?.count ?? 0
}

/** As many as are listed together. */
const listedMax = 10_000

/** The mailboxes that have a slot of their workspace's plan, in the order of their making. */
export async function listMailboxesInSlots(db: Db, workspaceId: string): Promise<SlotMailbox[]> {
  const { rows } = await sql<SlotMailbox>`
    select mailboxes.id, address, domain_id, domains.name as domain, mailboxes.state, first_name, last_name,
      display_name, period_ends_at, mailboxes.created_at
    from mailboxes join domains on domains.id = domain_id
    where mailboxes.workspace_id = ${workspaceId}::uuid and ${hasSlot}
    order by mailboxes.id limit ${listedMax}`.execute(db)
  return rows
}
