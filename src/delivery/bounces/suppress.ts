/** Suppressing: what puts an address on the list by itself (a bounce, a complaint), and what people put there. */
import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { parseAddress } from '../../mailboxes/address.ts'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { Classified } from './classify.ts'
import { suppressionFor } from './suppression-policy.ts'
import { addSuppressions, type NewSuppression, type Suppression } from './suppressions.ts'

/** A recipient in the outbound queue that is given up, with what was answered. */
export type Bounced = Classified & { recipientId: string; reply: string }

/** Puts on the list whose bounce says that the address is no good. In the transaction that notes the bounce. */
export async function suppressAfterBounce(
  platform: Platform,
  tx: Tx,
  bounced: readonly Bounced[],
): Promise<void> {
  const now = platform.clock.now()
  const wanted = new Map<string, Pick<NewSuppression, 'reason' | 'detail' | 'expiresAt'>>()
  for (const one of bounced) {
    const suppression = suppressionFor(one, now)
    if (suppression) {
      wanted.set(one.recipientId, { reason: 'bounce', detail: one.reply, expiresAt: suppression.expiresAt })
    }
  }
  await suppressRecipients(platform, tx, wanted)
}

/** Puts on the list who called a message spam. */
export async function suppressAfterComplaint(
  platform: Platform,
  tx: Tx,
  recipientId: string,
  detail: string,
): Promise<void> {
  await suppressRecipients(
    platform,
    tx,
    new Map([[recipientId, { reason: 'complaint', detail, expiresAt: null }]]),
  )
}

async function suppressRecipients(
  platform: Platform,
  tx: Tx,
  wanted: ReadonlyMap<string, Pick<NewSuppression, 'reason' | 'detail' | 'expiresAt'>>,
): Promise<void> {
  if (wanted.size === 0) return
  const { rows } = await sql<{ id: string; organization_id: string; workspace_id: string; rcpt_to: string }>`
    select r.id, r.organization_id, r.workspace_id, r.rcpt_to from outbound_recipients r
    where r.id = any(${uuidArray([...wanted.keys()])})`.execute(tx)
  await addSuppressions(
    platform,
    tx,
    rows.flatMap(({ id, organization_id, workspace_id, rcpt_to }) => {
      const one = wanted.get(id)
      const address = parseAddress(rcpt_to)
      return one && address.ok
        ? [{ organization_id, workspace_id, address: address.value.address, ...one }]
        : []
    }),
  )
}

/** Addresses in one import at most. */
export const importedMax = 10_000

export type ImportItem = {
  address: string
  reason: 'manual' | 'unsubscribe' | 'bounce' | 'complaint'
  detail: string | null
  expiresAt: Date | null
}

export type ImportResult =
  | { status: 'added'; suppression: Suppression }
  /** It was on the list. */
  | { status: 'unchanged' }
  | { status: 'failed'; detail: string }

/** Puts addresses on a workspace's list. @returns a result for each, in order. @throws Refusal forbidden. */
export async function importSuppressions(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly ImportItem[],
): Promise<ImportResult[]> {
  requireWrite(scope)
  requireWorkspace(scope)
  const parsed = items.map((item) => ({ item, address: parseAddress(item.address) }))
  const tenant = { organization_id: scope.organizationId, workspace_id: scope.workspaceId }
  const added = await addSuppressions(
    platform,
    tx,
    parsed.flatMap(({ item, address }) =>
      address.ok ? [{ ...tenant, ...item, address: address.value.address }] : [],
    ),
  )
  const byAddress = new Map(added.map((one) => [one.address, one]))
  return parsed.map(({ address }): ImportResult => {
    if (!address.ok) return { status: 'failed', detail: `The address ${address.problem}.` }
    const suppression = byAddress.get(address.value.address)
    byAddress.delete(address.value.address) // a second time in the list it changes nothing
    return suppression ? { status: 'added', suppression } : { status: 'unchanged' }
  })
}
