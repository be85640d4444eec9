/** Whether identities have a key that signs their webhooks. */
import type { Db } from '../../platform/database.ts'

/** @returns since when each identity that has a signing key has it. */
export async function signingKeyMomentsOf(
  _db: Db,
  _identityIds: readonly string[],
): Promise<ReadonlyMap<string, Date>> {
  return new Map()
}
