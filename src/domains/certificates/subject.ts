/** Whose event it is when something happens to a certificate. */
import type { Tx } from '../../platform/database.ts'

/** The domain's owner, or for the platform's own name its first organization. */
export async function certificateSubject(
  tx: Tx,
  domainId: string | null,
): Promise<{ organizationId: string; workspaceId: string | null }> {
  if (domainId !== null) {
    const domain = await tx
      .selectFrom('domains')
      .select(['organization_id', 'workspace_id'])
      .where('id', '=', domainId)
      .executeTakeFirstOrThrow()
    return { organizationId: domain.organization_id, workspaceId: domain.workspace_id }
  }
  const { id } = await tx
    .selectFrom('organizations')
    .select('id')
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirstOrThrow()
  return { organizationId: id, workspaceId: null }
}
