/** Mailboxes whose making has failed are tried again, whoever makes them: an engine, or whoever fulfils requests. */
import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { retryRemote } from './engines/remote-view.ts'
import { requireDomains } from './mailbox-sets.ts'
import { changeRequest } from './request-moves.ts'

/** Of one call; the others are left for the next. */
export const retriedMax = 200

/**
 * Tries those of these domains again, all that can be, the oldest first. They are paid as new ones are.
 * @returns how many.
 * @throws Refusal domain_not_found, forbidden; address_taken, mailbox_limit_reached, domain_not_usable, insufficient_funds,
 *   wallet_locked, item_not_priced where one cannot be had any more.
 */
export async function retryFailed(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  domainIds: readonly string[],
): Promise<number> {
  requireWrite(scope)
  requireWorkspace(scope)
  const domains = await requireDomains(tx, scope, domainIds)
  const { rows } = await sql<{ id: string; request_id: string | null }>`
    select mailboxes.id, mailbox_requests.id as request_id from mailboxes
      left join mailbox_requests on mailbox_requests.mailbox_id = mailboxes.id and mailbox_requests.state = 'failed'
    where mailboxes.workspace_id = ${scope.workspaceId}::uuid and mailboxes.domain_id = any(${uuidArray(domains.map(({ id }) => id))})
      and mailboxes.state = 'failed' and (mailbox_requests.id is not null
        or exists (select 1 from mailbox_remotes where mailbox_remotes.mailbox_id = mailboxes.id))
    order by mailboxes.id limit ${retriedMax}`.execute(tx)
  for (const { id, request_id } of rows) {
    if (request_id === null) await retryRemote(platform, tx, scope, id)
    else await changeRequest(platform, tx, scope, request_id, { state: 'pending' })
  }
  return rows.length
}
