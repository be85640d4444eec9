/** What leads to a renamed mailbox by its address follows it: forwards, catch-alls and mailboxes of the same workspace. */

import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { announceAddresses, type ExtraAddress } from './address-rows.ts'
import { retargetDomainForwards } from './domain-forwarding.ts'
import type { MailboxState } from './lifecycle.ts'
import type { Mailbox } from './tables.ts'

/** Whose targets were changed: addresses without a mailbox, and mailboxes that forward. */
export type Followers = {
  addresses: ExtraAddress[]
  mailboxes: { id: string; address: string; state: MailboxState }[]
}

/**
 * Puts the new address where the old one was a target. Scripts of filters are their owners' texts and stay.
 * @param mailbox as it is now. @param from its old address.
 */
export async function followRename(
  platform: Platform,
  tx: Tx,
  mailbox: Mailbox,
  from: string,
): Promise<Followers> {
  await retargetDomainForwards(platform, tx, mailbox, from)
  return {
    addresses: await followByAddresses(platform, tx, mailbox, from),
    mailboxes: await followByMailboxes(platform, tx, mailbox, from),
  }
}

async function followByAddresses(
  platform: Platform,
  tx: Tx,
  { workspace_id: workspaceId, organization_id: organizationId, address }: Mailbox,
  from: string,
): Promise<ExtraAddress[]> {
  // One that names both addresses names the new one once.
  const { rows } = await sql<ExtraAddress>`
    update addresses set targets = case when ${address} = any(targets) then array_remove(targets, ${from})
      else array_replace(targets, ${from}, ${address}) end
    where targets @> array[${from}]::text[] and targets <> '{}' and workspace_id = ${workspaceId}::uuid
    returning *`.execute(tx)
  await announceAddresses(
    platform,
    tx,
    'address.updated',
    rows.map((row) => ({ organizationId, row })),
  )
  return rows
}

type ForwardingRow = {
  id: string
  organization_id: string
  address: string
  state: MailboxState
  keep_copy: boolean
  targets: string[]
}

async function followByMailboxes(
  platform: Platform,
  tx: Tx,
  { workspace_id: workspaceId, address }: Mailbox,
  from: string,
): Promise<Followers['mailboxes']> {
  const changed = await sql<{ mailbox_id: string }>`
    with moved as (
      delete from mailbox_forwards using mailboxes
      where target = ${from} and mailboxes.id = mailbox_id and workspace_id = ${workspaceId}::uuid
      returning mailbox_id, keep_copy, mailbox_forwards.created_at
    ), added as (
      insert into mailbox_forwards (mailbox_id, target, keep_copy, created_at)
      select mailbox_id, ${address}, keep_copy, created_at from moved on conflict do nothing
    )
    select mailbox_id from moved`.execute(tx)
  const ids = changed.rows.map((row) => row.mailbox_id)
  const { rows } = await sql<ForwardingRow>`
    select id, organization_id, address, state, bool_and(keep_copy) as keep_copy, array_agg(target order by target) as targets
    from mailboxes join mailbox_forwards on mailbox_id = id where id = any(${ids}::uuid[]) group by id`.execute(
    tx,
  )
  await appendEvents(
    platform,
    tx,
    rows.map((row) => ({
      type: 'mailbox.forwarding_changed' as const,
      organizationId: row.organization_id,
      workspaceId,
      mailboxId: row.id,
      data: { mailbox_id: row.id, targets: row.targets, keep_copy: row.keep_copy },
    })),
  )
  return rows.map(({ id, address: name, state }) => ({ id, address: name, state }))
}
