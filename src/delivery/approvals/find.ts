/** Approvals as callers find them: those of a workspace, or of one mailbox. */
import { type RawBuilder, type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { type HeldContent, readHeld } from './held-message.ts'
import type { ApprovalState, ApprovalsTable } from './tables.ts'

export type Approval = Selectable<ApprovalsTable>

export type ApprovalFilter = { mailboxId?: string; state?: ApprovalState }

/** The oldest first. */
export async function listApprovals(
  platform: Platform,
  scope: Scope,
  { mailboxId, state }: ApprovalFilter,
  page: PageRequest,
): Promise<Page<Approval>> {
  const rows = await platform.db
    .selectFrom('approvals')
    .selectAll()
    .where(within(scope))
    .$if(mailboxId !== undefined, (query) => query.where(sql<boolean>`mailbox_id = ${mailboxId}::uuid`))
    .$if(state !== undefined, (query) => query.where(sql<boolean>`state = ${state}`))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @param db the transaction, inside one. @throws Refusal approval_not_found, also for a text that is no id. */
export async function getApproval(db: Db, scope: Scope, id: string): Promise<Approval> {
  const row = isId(id)
    ? await db
        .selectFrom('approvals')
        .selectAll()
        .where(within(scope))
        .where('id', '=', id.toLowerCase())
        .executeTakeFirst()
    : undefined
  if (row === undefined) throw new Refusal('approval_not_found')
  return row
}

export type ApprovalDetail = {
  approval: Approval
  /** As it would go; once it has gone, as it went. */
  message: HeldContent
  /** As it was sent, where an approver has changed it. */
  original: HeldContent | null
}

/** @throws Refusal approval_not_found. */
export async function getApprovalDetail(
  platform: Platform,
  scope: Scope,
  id: string,
): Promise<ApprovalDetail> {
  const approval = await getApproval(platform.db, scope, id)
  const { recipients, recipientsBefore } = approval.envelope
  const addresses = recipients.map(({ address }) => address)
  const original = await readHeld(platform.db, approval.body_id, recipientsBefore ?? addresses)
  if (original === null) throw new Refusal('approval_not_found') // forgotten in this moment
  const sentBody = approval.sent_body_id
  const sent = sentBody === null ? null : await readHeld(platform.db, sentBody, addresses)
  return sent === null
    ? { approval, message: original, original: null }
    : { approval, message: sent, original }
}

function within({ organizationId, workspaceId, mailboxId }: Scope): RawBuilder<boolean> {
  const own = mailboxId === null ? sql`` : sql` and mailbox_id = ${mailboxId}::uuid`
  return sql<boolean>`(organization_id = ${organizationId}::uuid and workspace_id = ${workspaceId}::uuid${own})`
}
