/** Whether identities have a key that signs their webhooks. */
import type { Db } from '../../platform/database.ts'
import { signingKeyTimes } from '../../webhooks/signing-keys.ts'

/** @returns since when each identity that has a signing key has it. */
export async function signingKeyMomentsOf(
  db: Db,
  identityIds: readonly string[],
): Promise<ReadonlyMap<string, Date>> {
  return await signingKeyTimes(db, identityIds)
}
