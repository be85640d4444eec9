/** What may be asked of a webhook in the format of a vendor. */
import type { Scope } from '../accounts/principals.ts'
import { getIdentity } from '../mailboxes/identities.ts'
import { getMailbox } from '../mailboxes/mailboxes.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import type { WebhookFormat } from './formats.ts'
import type { SubjectColumns } from './webhook-input.ts'

/** Whose it is: a mailbox's own, or its identity's. */
export type WebhookOwner = { mailboxId: string } | { identityId: string }

export type OwnerColumns = SubjectColumns & {
  /** The identity behind it; null: its mailbox has none. */
  identityId: string | null
}

/** @throws Refusal mailbox_not_found, identity_not_found, forbidden. */
export async function ownerColumns(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  owner: WebhookOwner,
): Promise<OwnerColumns> {
  if ('identityId' in owner) {
    const identity = await getIdentity(platform, scope, owner.identityId, tx)
    if (identity.state === 'deletion_scheduled') throw new Refusal('identity_not_found')
    // Which mailbox it has may change; whoever reads the log asks for it anew.
    const columns = { mailbox_ids: [], identity_ids: [identity.id] }
    return { scope: 'identities', ...columns, identityId: identity.id }
  }
  const mailbox = await getMailbox(platform, scope, owner.mailboxId, tx)
  if (mailbox.state === 'deletion_scheduled') throw new Refusal('mailbox_not_found')
  const identity = await tx
    .selectFrom('identities')
    .select('id')
    .where('mailbox_id', '=', mailbox.id)
    .executeTakeFirst()
  const columns = { mailbox_ids: [mailbox.id], identity_ids: [] }
  return { scope: 'mailboxes', ...columns, identityId: identity?.id ?? null }
}

/** @throws Refusal invalid_request for none, one that stands there twice, and one that the format does not have. */
export function requireFormatTypes({ types: known }: WebhookFormat, types: readonly string[]): string[] {
  const problem = (at: number | null, detail: string): Refusal => {
    const pointer = at === null ? '/event_types' : `/event_types/${at}`
    return new Refusal('invalid_request', undefined, { fields: [{ pointer, detail }] })
  }
  if (types.length === 0) throw problem(null, 'must name an event')
  for (const [at, type] of types.entries()) {
    if (!known.includes(type)) throw problem(at, `must be one of ${known.join(', ')}`)
    if (types.indexOf(type) !== at) throw problem(at, 'stands there twice')
  }
  return [...types]
}

// RFC 6750 §2.1
const bearerPattern = /^[A-Za-z0-9._~+/-]{1,990}=*$/

/** The owner's own headers that say who calls. @throws Refusal invalid_request. */
export function bearerHeaders(token: string | null): Record<string, string> {
  if (token === null) return {}
  if (!bearerPattern.test(token) || token.length > 990) {
    const detail = 'must be at most 990 letters, digits and signs of - . _ ~ + / ='
    throw new Refusal('invalid_request', undefined, { fields: [{ pointer: '/auth_token', detail }] })
  }
  return { authorization: `Bearer ${token}` }
}
