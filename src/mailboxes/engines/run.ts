/**
 * One run for one mailbox, and what it notes. Everything is noted under the run's claim: one that was taken over by
 * another node, because it took too long, writes nothing any more.
 */

import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import type { MailboxState } from '../lifecycle.ts'
import { moveAsSeen } from '../mailboxes.ts'
import type { Mailbox } from '../tables.ts'
import type { Claim, Remote } from './claims.ts'
import type { RemoteDriver, RemoteFailure, RemoteUser } from './driver.ts'
import { mayMoveRemote, type RemoteState } from './remote-states.ts'
import type { Observed } from './tables.ts'

export type Run = { claim: Claim; driver: RemoteDriver; mailbox: Mailbox; remote: Remote }

/** again: there is a next step. wait: the service needs time. done: nothing is left to do. */
export type StepResult = 'again' | 'wait' | 'done'

/** The claim was taken over: the run ends without a word. */
export class ClaimLost extends Error {}

export type Note = {
  state?: RemoteState
  remoteId?: string
  user?: RemoteUser
  aliases?: readonly string[]
  restorableUntil?: Date | null
  /** What the service has been told of. It stays when something has changed since the run began. */
  told?: readonly string[]
  /** Null: nothing is wrong. */
  failure?: RemoteFailure | null
  attempts?: number
  /** Null: nothing is left to do. */
  nextAttemptAt?: Date | null
  isLate?: boolean
  mailboxState?: Extract<MailboxState, 'active' | 'failed'>
}

/** Writes what is known now, and tells of what has changed. `run` is brought up to date. */
export async function note(platform: Platform, run: Run, what: Note): Promise<void> {
  await transaction(platform.db, async (tx) => {
    // The mailbox first, as whoever changes it and then tells the engine has it.
    const mailbox = await tx
      .selectFrom('mailboxes')
      .selectAll()
      .where('id', '=', run.mailbox.id)
      .forUpdate()
      .executeTakeFirst()
    const before = await tx
      .selectFrom('mailbox_remotes')
      .selectAll()
      .where('mailbox_id', '=', run.mailbox.id)
      .where('claim_id', '=', run.claim.id)
      .forUpdate()
      .executeTakeFirst()
    if (!mailbox || !before) throw new ClaimLost()
    const after = await writeRow(platform, tx, run, before, what)
    // One that went another way meanwhile stays there.
    if (what.mailboxState !== undefined && mailbox.state === 'provisioning') {
      await moveAsSeen(platform, tx, mailbox, what.mailboxState)
    }
    const isNews =
      after.state !== before.state ||
      after.last_error !== before.last_error ||
      after.is_late !== before.is_late
    if (isNews) await tellRemoteChange(platform, tx, mailbox, after)
    run.remote = after
  })
}

async function writeRow(platform: Platform, tx: Tx, run: Run, before: Remote, what: Note): Promise<Remote> {
  const now = platform.clock.now()
  const { state = before.state, failure, user } = what
  if (state !== before.state && !mayMoveRemote(before.state, state)) {
    throw new Error(`a mailbox at a service cannot go from ${before.state} to ${state}`)
  }
  const isCurrent = before.revision === run.remote.revision
  const told = isCurrent ? (what.told ?? []) : []
  const moved = { state, state_changed_at: now, attempts: 0, is_late: false }
  const next = what.nextAttemptAt
  return await tx
    .updateTable('mailbox_remotes')
    .set({
      ...(state === before.state ? {} : moved),
      ...(what.remoteId === undefined ? {} : { remote_id: what.remoteId }),
      ...(user === undefined ? {} : { observed: JSON.stringify(observedOf(user)), observed_at: now }),
      ...(what.aliases === undefined ? {} : { aliases: [...what.aliases] }),
      ...(what.restorableUntil === undefined ? {} : { restorable_until: what.restorableUntil }),
      ...(failure === undefined ? {} : errorColumns(failure)),
      ...(what.attempts === undefined ? {} : { attempts: what.attempts }),
      // What changed since the run began is due at once.
      ...(next === undefined ? {} : { next_attempt_at: isCurrent ? next : now }),
      ...(what.isLate === undefined ? {} : { is_late: what.isLate }),
      changed: before.changed.filter((one) => !told.includes(one)),
      updated_at: now,
    })
    .where('mailbox_id', '=', before.mailbox_id)
    .returningAll()
    .executeTakeFirstOrThrow()
    .then((row) => ({ ...row, revision: run.remote.revision }))
}

function errorColumns(failure: RemoteFailure | null) {
  return {
    error_kind: failure?.kind ?? null,
    last_error: failure?.message ?? null,
    request_id: failure?.requestId ?? null,
  }
}

export function observedOf(user: RemoteUser): Observed {
  return {
    address: user.address,
    state: user.state,
    is_ready: user.isReady,
    aliases: [...user.aliases],
    first_name: user.firstName,
    last_name: user.lastName,
    problem: user.problem,
  }
}

export async function tellRemoteChange(
  platform: Platform,
  tx: Tx,
  mailbox: Pick<Mailbox, 'id' | 'organization_id' | 'workspace_id' | 'address' | 'service'>,
  remote: Pick<Remote, 'state' | 'last_error' | 'is_late'> & { observed: Observed | null },
): Promise<void> {
  if (mailbox.service === 'local') return
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.remote_changed',
      organizationId: mailbox.organization_id,
      workspaceId: mailbox.workspace_id,
      mailboxId: mailbox.id,
      data: {
        mailbox_id: mailbox.id,
        address: mailbox.address,
        service: mailbox.service,
        state: remote.state,
        problem: remote.last_error ?? remote.observed?.problem ?? null,
        late: remote.is_late,
      },
    },
  ])
}

/** Forgets a mailbox that is gone for good on both sides. */
export async function forget(platform: Platform, run: Run): Promise<void> {
  await platform.db
    .deleteFrom('mailbox_remotes')
    .where('mailbox_id', '=', run.mailbox.id)
    .where('claim_id', '=', run.claim.id)
    .execute()
}

/** The id of a user that was noted. */
export function idOf({ remote }: Run): string {
  if (remote.remote_id === null) throw new Error(`the mailbox ${remote.mailbox_id} has no id at its service`)
  return remote.remote_id
}

/** For how long it has been in its state, in ms. */
export function ageMs({ clock }: Platform, { remote }: Run): number {
  return clock.now().getTime() - remote.state_changed_at.getTime()
}
