/** Identities in paths: by their handle. */
import { Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { getIdentity, type Identity } from '../../mailboxes/identities.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'

export const IdentityPath = Type.Object({
  agent_handle: Type.String({ description: 'Its handle, without the at sign.' }),
})

/**
 * An identity that clients see: one that is deleted is gone for them, although it can be restored elsewhere.
 * @param db the transaction, inside one.
 * @throws Refusal identity_not_found.
 */
export async function findIdentity(
  platform: Platform,
  scope: Scope,
  ref: string,
  db: Db = platform.db,
): Promise<Identity> {
  const identity = await getIdentity(platform, scope, ref, db)
  if (identity.state === 'deletion_scheduled') throw new Refusal('identity_not_found')
  return identity
}
