/**
 * Undo: an entry of the audit log is taken back by the call that does the opposite, with its checks, in the caller's
 * own name. What has changed since is not overwritten.
 */

import { isDeepStrictEqual } from 'node:util'
import { type AuditEntry, getAuditEntry } from '../accounts/audit-log.ts'
import { type Principal, requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents, type EventType, type EventTypes } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { addressEvent } from './address-rows.ts'
import { removeAlias, restoreAlias } from './aliases.ts'
import { cancelMailbox, keepMailbox } from './cancellation.ts'
import { type Edit, isStill, takenBack } from './edits.ts'
import { addForward, putCatchAll, removeCatchAll, removeForward } from './extra-addresses.ts'
import { type Forwarding, forwardingOf, putForwarding } from './forwarding.ts'
import {
  deleteMailbox,
  lockMailbox,
  restoreMailbox,
  resumeMailbox,
  suspendMailbox,
  updateMailbox,
} from './mailboxes.ts'
import { type Renamed, renameMailbox } from './rename.ts'
import type { AddressEvent, Mailbox } from './tables.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    /** What was done by another call was taken back; the events of doing so stand beside it. */
    'audit.undone': { entry_id: string; action: string }
  }
}

/** What undoing has touched, and how. */
export type Undone =
  | { mailbox: Mailbox; action: 'update' | 'suspend' | 'resume' | 'delete' | 'restore' }
  | { renamed: Renamed }
  | { cancellation: Mailbox & { period_ends_at: Date } }
  | { address: AddressEvent; action: 'create' | 'delete' }

type Work = { platform: Platform; tx: Tx; scope: Scope; before: unknown }

/** By the type of what was done. What is not here cannot be taken back. */
const undos: { [T in EventType]?: (work: Work, data: EventTypes[T]) => Promise<Undone> } = {
  'mailbox.created': (work, { mailbox_id: id }) => moves.delete(work, id),
  'mailbox.updated': undoUpdate,
  'mailbox.renamed': undoRename,
  'mailbox.state_changed': undoMove,
  'mailbox.cancellation_scheduled': (work, { mailbox_id: id }) => undoCancellation(work, id, true),
  'mailbox.cancellation_withdrawn': (work, { mailbox_id: id }) => undoCancellation(work, id, false),
  'mailbox.forwarding_changed': undoForwarding,
  'address.created': undoCreatedAddress,
  'address.deleted': undoDeletedAddress,
}

/** Those that bring back what the entry has kept. */
const keeping: readonly string[] = ['mailbox.updated', 'mailbox.forwarding_changed'] satisfies EventType[]

/** Whether there is an opposite of it. Whether it can be done now is found out by trying, or by a preview. */
export function canBeUndone({
  action,
  data,
  before,
}: Pick<AuditEntry, 'action' | 'data' | 'before'>): boolean {
  if (action === 'mailbox.state_changed')
    return oppositeOf(data as EventTypes['mailbox.state_changed']) !== null
  return Object.hasOwn(undos, action) && (before !== null || !keeping.includes(action))
}

/**
 * @param id of an entry of the audit log.
 * @throws Refusal audit_entry_not_found, undo_impossible, undo_conflict, forbidden, and what the opposite call refuses with.
 */
export async function undoChange(
  platform: Platform,
  tx: Tx,
  caller: { principal: Principal; scope: Scope },
  id: string,
): Promise<{ entry: AuditEntry; undone: Undone }> {
  const { scope } = caller
  requireWrite(scope)
  requireWorkspace(scope)
  const entry = await getAuditEntry(tx, caller, id)
  const undo = undoOf(entry.action)
  if (undo === null) throw new Refusal('undo_impossible', `${entry.action} cannot be undone.`)
  const undone = await undo({ platform, tx, scope, before: entry.before }, entry.data)
  await appendEvents(platform, tx, [
    {
      type: 'audit.undone',
      organizationId: scope.organizationId,
      workspaceId: scope.workspaceId,
      mailboxId: entry.mailbox_id,
      data: { entry_id: entry.id, action: entry.action },
    },
  ])
  return { entry, undone }
}

function undoOf(action: string): ((work: Work, data: unknown) => Promise<Undone>) | null {
  if (!Object.hasOwn(undos, action)) return null
  // An entry's data is what its event was written with (events.ts).
  return Reflect.get(undos, action)
}

async function undoUpdate(
  { platform, tx, scope, before }: Work,
  { mailbox_id: id }: EventTypes['mailbox.updated'],
): Promise<Undone> {
  if (before === null) throw nothingKept()
  const edit = before as Edit // as updateMailbox wrote it
  if (!isStill(await lockMailbox(tx, scope, id), edit))
    throw changedSince('The same fields have been edited since.')
  return { mailbox: await updateMailbox(platform, tx, scope, id, takenBack(edit), null), action: 'update' }
}

async function undoRename(
  { platform, tx, scope }: Work,
  { mailbox_id: id, from, to }: EventTypes['mailbox.renamed'],
): Promise<Undone> {
  const { address } = await lockMailbox(tx, scope, id)
  if (address !== to) throw changedSince(`The mailbox is ${address} now.`)
  return { renamed: await renameMailbox(platform, tx, scope, id, { address: from, aliasDays: 0 }) }
}

const moves = {
  delete: async ({ platform, tx, scope }: Work, id: string) => ({
    mailbox: await deleteMailbox(platform, tx, scope, id, { purge: false }),
    action: 'delete' as const,
  }),
  restore: async ({ platform, tx, scope }: Work, id: string) => ({
    mailbox: await restoreMailbox(platform, tx, scope, id),
    action: 'restore' as const,
  }),
  suspend: async ({ platform, tx, scope }: Work, id: string) => ({
    mailbox: await suspendMailbox(platform, tx, scope, id),
    action: 'suspend' as const,
  }),
  resume: async ({ platform, tx, scope }: Work, id: string) => ({
    mailbox: await resumeMailbox(platform, tx, scope, id),
    action: 'resume' as const,
  }),
}

/** The call that takes a move back. Null: that it was made was not a caller’s to say, or cannot be taken back. */
function oppositeOf({
  from,
  to,
}: Pick<EventTypes['mailbox.state_changed'], 'from' | 'to'>): keyof typeof moves | null {
  if (to === 'deleted') return null
  if (to === 'deletion_scheduled') return 'restore'
  // A restore, also one to suspended.
  if (from === 'deletion_scheduled') return 'delete'
  if (to === 'suspended') return 'resume'
  return from === 'suspended' && to === 'active' ? 'suspend' : null
}

async function undoMove(
  work: Work,
  { mailbox_id: id, from, to }: EventTypes['mailbox.state_changed'],
): Promise<Undone> {
  const opposite = oppositeOf({ from, to })
  if (opposite === null)
    throw new Refusal('undo_impossible', `That it went from ${from} to ${to} cannot be undone.`)
  const { state } = await lockMailbox(work.tx, work.scope, id)
  if (state !== to) throw changedSince(`The mailbox is ${state} now.`)
  return await moves[opposite](work, id)
}

async function undoCancellation(
  { platform, tx, scope }: Work,
  id: string,
  wasCanceled: boolean,
): Promise<Undone> {
  const now = await lockMailbox(tx, scope, id)
  if (now.cancel_at_period_end !== wasCanceled)
    throw changedSince(`The mailbox is ${wasCanceled ? 'kept' : 'canceled'} now.`)
  const call = wasCanceled ? keepMailbox : cancelMailbox
  return { cancellation: await call(platform, tx, scope, id) }
}

async function undoForwarding(
  { platform, tx, scope, before }: Work,
  { mailbox_id: id, targets, keep_copy: keepCopy }: EventTypes['mailbox.forwarding_changed'],
): Promise<Undone> {
  if (before === null) throw nothingKept()
  const mailbox = await lockMailbox(tx, scope, id)
  const now = await forwardingOf(tx, id)
  // The database sorts by its own collation.
  const isSame = isDeepStrictEqual([...now.targets].sort(), [...targets].sort())
  if (!isSame || (targets.length > 0 && now.keepCopy !== keepCopy)) {
    throw changedSince('The forwarding has been changed since.')
  }
  await putForwarding(platform, tx, scope, id, before as Forwarding) // as putForwarding wrote it
  return { mailbox, action: 'update' }
}

async function undoCreatedAddress({ platform, tx, scope }: Work, data: AddressEvent): Promise<Undone> {
  const { kind, address, domain_id, mailbox_id } = data
  if (!isDeepStrictEqual(await addressNow(tx, address), data))
    throw changedSince(`${address} has been changed since.`)
  if (kind === 'alias' && mailbox_id !== null) await removeAlias(platform, tx, scope, mailbox_id, address)
  else if (kind === 'forward') await removeForward(platform, tx, scope, domain_id, address)
  else if (kind === 'catch_all') await removeCatchAll(platform, tx, scope, domain_id)
  else throw new Refusal('undo_impossible')
  return { address: data, action: 'delete' }
}

async function undoDeletedAddress({ platform, tx, scope }: Work, data: AddressEvent): Promise<Undone> {
  const { kind, address, domain_id, mailbox_id, targets } = data
  if (kind === 'alias' && mailbox_id !== null) {
    const expires_at = data.expires_at === null ? null : new Date(data.expires_at)
    await restoreAlias(platform, tx, scope, mailbox_id, { ...data, expires_at })
  } else if (kind === 'forward') {
    await addForward(platform, tx, scope, domain_id, address, targets)
  } else if (kind === 'catch_all') {
    if (await addressNow(tx, address)) throw changedSince('The domain has a catch-all again.')
    const goal = mailbox_id === null ? { targets } : { mailbox: mailbox_id }
    await putCatchAll(platform, tx, scope, domain_id, goal)
  } else throw new Refusal('undo_impossible')
  return { address: data, action: 'create' }
}

async function addressNow(tx: Tx, address: string): Promise<AddressEvent | null> {
  const row = await tx.selectFrom('addresses').selectAll().where('address', '=', address).executeTakeFirst()
  return row ? addressEvent(row) : null
}

function changedSince(detail: string): Refusal {
  return new Refusal('undo_conflict', detail)
}

function nothingKept(): Refusal {
  return new Refusal('undo_impossible', 'What was there is not kept any more.')
}
