/**
 * Undo: an entry of the audit log is taken back by the call that does the opposite, with its checks, in the caller's
 * own name. What has changed since is not overwritten.
 */
import { sql } from 'kysely'
import { type AuditEntry, getAuditEntry } from '../accounts/audit-log.ts'
import { type Principal, requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents, type EventType, type EventTypes } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { removeAlias, restoreAlias } from './aliases.ts'
import { cancelMailbox, keepMailbox } from './cancellation.ts'
import { type Edit, isStill, takenBack } from './edits.ts'
import { addForward, putCatchAll, removeCatchAll, removeForward } from './extra-addresses.ts'
import { type Forwarding, forwardingOf, putForwarding } from './forwarding.ts'
import {
  deleteMailbox,
  getMailbox,
  restoreMailbox,
  resumeMailbox,
  suspendMailbox,
  updateMailbox,
} from './mailboxes.ts'
import { renameMailbox } from './rename.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    /** What was done by another call was taken back; the events of doing so stand beside it. */
    'audit.undone': { entry_id: string; action: string }
  }
}

type Work = { platform: Platform; tx: Tx; scope: Scope; before: unknown }

/** By the type of what was done. What is not here cannot be taken back. */
const undos: { [T in EventType]?: (work: Work, data: EventTypes[T]) => Promise<unknown> } = {
  'mailbox.created': ({ platform, tx, scope }, data) =>
    deleteMailbox(platform, tx, scope, data.mailbox_id, { purge: false }),
  'mailbox.updated': undoUpdate,
  'mailbox.renamed': async ({ platform, tx, scope }, { mailbox_id, from, to }) => {
    const { address } = await getMailbox(platform, scope, mailbox_id, tx)
    if (address !== to) throw changedSince(`The mailbox is ${address} now.`)
    return await renameMailbox(platform, tx, scope, mailbox_id, { address: from, aliasDays: 0 })
  },
  'mailbox.state_changed': undoMove,
  'mailbox.cancellation_scheduled': ({ platform, tx, scope }, data) =>
    keepMailbox(platform, tx, scope, data.mailbox_id),
  'mailbox.cancellation_withdrawn': ({ platform, tx, scope }, data) =>
    cancelMailbox(platform, tx, scope, data.mailbox_id),
  'mailbox.forwarding_changed': undoForwarding,
  'address.created': undoCreatedAddress,
  'address.deleted': undoDeletedAddress,
}

/** Whether there is an opposite of it. Whether it can be done now is found out by trying, or by a preview. */
export function canBeUndone({ action }: Pick<AuditEntry, 'action'>): boolean {
  return Object.hasOwn(undos, action)
}

/**
 * @param id of an entry of the audit log.
 * @returns the entry.
 * @throws Refusal audit_entry_not_found, undo_impossible, undo_conflict, forbidden, and what the opposite call refuses with.
 */
export async function undoChange(
  platform: Platform,
  tx: Tx,
  caller: { principal: Principal; scope: Scope },
  id: string,
): Promise<AuditEntry> {
  const { scope } = caller
  requireWrite(scope)
  requireWorkspace(scope)
  const entry = await getAuditEntry(tx, caller, id)
  const undo = undoOf(entry.action)
  if (undo === null) throw new Refusal('undo_impossible', `${entry.action} cannot be undone.`)
  await undo({ platform, tx, scope, before: entry.before }, entry.data)
  await appendEvents(platform, tx, [
    {
      type: 'audit.undone',
      organizationId: scope.organizationId,
      workspaceId: scope.workspaceId,
      mailboxId: entry.mailbox_id,
      data: { entry_id: entry.id, action: entry.action },
    },
  ])
  return entry
}

function undoOf(action: string): ((work: Work, data: unknown) => Promise<unknown>) | null {
  if (!Object.hasOwn(undos, action)) return null
  // An entry's data is what its event was written with (events.ts).
  return Reflect.get(undos, action)
}

async function undoUpdate(
  { platform, tx, scope, before }: Work,
  data: { mailbox_id: string },
): Promise<unknown> {
  if (before === null) throw nothingKept()
  const edit = before as Edit // as updateMailbox wrote it
  const mailbox = await getMailbox(platform, scope, data.mailbox_id, tx)
  if (!isStill(mailbox, edit)) throw changedSince('The same fields have been edited since.')
  return await updateMailbox(platform, tx, scope, mailbox.id, takenBack(mailbox, edit), mailbox.version)
}

async function undoMove(
  { platform, tx, scope }: Work,
  { mailbox_id: id, from, to }: EventTypes['mailbox.state_changed'],
): Promise<unknown> {
  const { state } = await getMailbox(platform, scope, id, tx)
  if (state !== to) throw changedSince(`The mailbox is ${state} now.`)
  if (to === 'suspended') return await resumeMailbox(platform, tx, scope, id)
  if (to === 'deletion_scheduled') return await restoreMailbox(platform, tx, scope, id)
  if (from === 'suspended' && to === 'active') return await suspendMailbox(platform, tx, scope, id)
  if (from === 'deletion_scheduled') return await deleteMailbox(platform, tx, scope, id, { purge: false })
  throw new Refusal('undo_impossible', `That it went from ${from} to ${to} was not a caller’s to say.`)
}

async function undoForwarding(
  { platform, tx, scope, before }: Work,
  { mailbox_id: id, targets, keep_copy: keepCopy }: EventTypes['mailbox.forwarding_changed'],
): Promise<unknown> {
  if (before === null) throw nothingKept()
  const now = await forwardingOf(tx, id)
  const isSame = now.targets.join(' ') === [...targets].sort().join(' ')
  if (!isSame || (targets.length > 0 && now.keepCopy !== keepCopy)) {
    throw changedSince('The forwarding has been changed since.')
  }
  return await putForwarding(platform, tx, scope, id, before as Forwarding) // as putForwarding wrote it
}

async function undoCreatedAddress(
  { platform, tx, scope }: Work,
  { kind, address, domain_id, mailbox_id }: EventTypes['address.created'],
): Promise<unknown> {
  if (kind === 'alias' && mailbox_id !== null) {
    return await removeAlias(platform, tx, scope, mailbox_id, address)
  }
  if (kind === 'forward') return await removeForward(platform, tx, scope, domain_id, address)
  if (kind === 'catch_all') return await removeCatchAll(platform, tx, scope, domain_id)
  throw new Refusal('undo_impossible')
}

async function undoDeletedAddress(
  { platform, tx, scope }: Work,
  data: EventTypes['address.deleted'],
): Promise<unknown> {
  const { kind, address, domain_id, mailbox_id, targets } = data
  if (kind === 'alias' && mailbox_id !== null) {
    const expires_at = data.expires_at === null ? null : new Date(data.expires_at)
    return await restoreAlias(platform, tx, scope, mailbox_id, { ...data, expires_at })
  }
  if (kind === 'forward') return await addForward(platform, tx, scope, domain_id, address, targets)
  if (kind === 'catch_all') {
    if (await isThere(tx, address)) throw changedSince('The domain has a catch-all again.')
    const goal = mailbox_id === null ? { targets } : { mailbox: mailbox_id }
    return await putCatchAll(platform, tx, scope, domain_id, goal)
  }
  throw new Refusal('undo_impossible')
}

async function isThere(tx: Tx, address: string): Promise<boolean> {
  const { rows } = await sql`select from addresses where address = ${address}`.execute(tx)
  return rows.length > 0
}

function changedSince(detail: string): Refusal {
  return new Refusal('undo_conflict', detail)
}

function nothingKept(): Refusal {
  return new Refusal('undo_impossible', 'What was there is not kept any more.')
}
