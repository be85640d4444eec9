/** Suppressed addresses: those that a workspace sends nothing to any more. */
import type { Db } from '../../platform/database.ts'

/** @returns why and since when the workspace does not send to the address, or null. */
export async function findSuppression(
  _db: Db,
  _workspaceId: string,
  _address: string,
): Promise<{ reason: string; since: Date } | null> {
  return null
}
