/** Money has come: mailboxes of a workspace that wait for it, or whose period is unpaid, are paid as far as it goes. */

import { sql } from 'kysely'
import { periodAfter } from '../../billing/periods.ts'
import { isBilling } from '../../billing/settings.ts'
import type { Domain } from '../../domains/domains.ts'
import { mailboxesOn } from '../../domains/lifecycle.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { timeArray, uuidArray } from '../../platform/sql-arrays.ts'
import { engineOf } from '../engines.ts'
import type { MailboxState } from '../lifecycle.ts'
import { tellMoves } from '../state-moves.ts'
import type { Mailbox } from '../tables.ts'
import { payUnpaid, type UnpaidMailbox, unpaidColumns } from './dunning.ts'
import { payFirst } from './purchase.ts'

const mailboxesPerTransaction = 1000

/** First those that wait for their first payment, who came first before the others, and then those that are unpaid. */
export async function settleMailboxes(platform: Platform, workspaceId: string): Promise<void> {
  while (await transaction(platform.db, (tx) => payWaiting(platform, tx, workspaceId)));
  while (await transaction(platform.db, (tx) => payDunned(platform, tx, workspaceId)));
}

type WaitingMailbox = Pick<
  Mailbox,
  'id' | 'organization_id' | 'workspace_id' | 'address' | 'batch_id' | 'service' | 'period'
> & { is_requested: boolean; domain_state: Domain['state'] }

/** Some of those that wait for their first payment. @returns whether there may be more, and money for it. */
export async function payWaiting(platform: Platform, tx: Tx, workspaceId: string): Promise<boolean> {
  const { rows } =
    await sql<WaitingMailbox>`select mailboxes.id, mailboxes.organization_id, mailboxes.workspace_id,
      mailboxes.address, mailboxes.batch_id, mailboxes.service, mailboxes.period, domains.state as domain_state,
      exists (select 1 from mailbox_requests as request where request.mailbox_id = mailboxes.id) as is_requested
    from mailboxes join domains on domains.id = domain_id
    where mailboxes.workspace_id = ${workspaceId}::uuid and mailboxes.state = 'waiting_payment'
    order by mailboxes.id limit ${mailboxesPerTransaction} for update of mailboxes for share of domains`.execute(
      tx,
    )
  const [owner] = rows
  if (owner === undefined) return false
  const now = platform.clock.now()
  const next = rows.map((mailbox) => ({ mailbox, state: stateOncePaid(platform, mailbox) }))
  const payments = isBilling(platform)
    ? await payFirst(
        platform,
        tx,
        { organizationId: owner.organization_id, workspaceId },
        next.map(({ mailbox, state }) => {
          const endsAt = periodAfter(now, mailbox.period, now)
          return { ...mailbox, times: state === 'active' ? { startsAt: now, endsAt } : null }
        }),
      )
    : next.map(() => ({ inSlot: false, refusal: null }))
  const paid = next.flatMap((one, at) => {
    const payment = payments[at]
    return payment?.refusal === null ? [{ ...one, inSlot: payment.inSlot }] : []
  })
  await goOn(tx, paid, now)
  await tellMoves(
    platform,
    tx,
    paid.map(({ mailbox, state }) => ({ ...mailbox, from: 'waiting_payment', to: state })),
  )
  return paid.length === mailboxesPerTransaction
}

/** Where a mailbox that is paid goes: as if it were made now. */
function stateOncePaid(platform: Platform, mailbox: WaitingMailbox): MailboxState {
  if (mailbox.is_requested) return 'provisioning'
  if (mailboxesOn(mailbox.domain_state) !== 'served') return 'waiting_domain'
  return engineOf(platform, mailbox.service)?.isImmediate === true ? 'active' : 'provisioning'
}

type PaidMailbox = { mailbox: WaitingMailbox; state: MailboxState; inSlot: boolean }

async function goOn(tx: Tx, paid: readonly PaidMailbox[], now: Date): Promise<void> {
  if (paid.length === 0) return
  await sql`update mailboxes set state = new.state, in_slot = new.in_slot, state_changed_at = ${now}, updated_at = ${now},
      version = version + 1, period_anchor_at = case when new.state = 'active' then ${now}::timestamptz end,
      period_ends_at = case when new.state = 'active' then new.ends_at end
    from unnest(${uuidArray(paid.map(({ mailbox }) => mailbox.id))}, ${paid.map(({ state }) => state)}::text[],
      ${paid.map(({ inSlot }) => inSlot)}::boolean[],
      ${timeArray(paid.map(({ mailbox }) => periodAfter(now, mailbox.period, now)))}) as new (id, state, in_slot, ends_at)
    where mailboxes.id = new.id`.execute(tx)
}

/** Some of those that are unpaid. @returns whether there may be more, and money for it. */
export async function payDunned(platform: Platform, tx: Tx, workspaceId: string): Promise<boolean> {
  const { rows } = await sql<UnpaidMailbox>`select ${unpaidColumns} from mailboxes
    where workspace_id = ${workspaceId}::uuid and unpaid_since is not null
      and state not in ('deleted', 'deletion_scheduled')
    order by unpaid_since, id limit ${mailboxesPerTransaction} for update`.execute(tx)
  const areAllPaid = await payUnpaid(platform, tx, rows, platform.clock.now())
  return areAllPaid && rows.length === mailboxesPerTransaction
}
