/** API keys as clients see them. */
import { Type } from 'typebox'
import type { ApiKey } from '../../accounts/api-keys.ts'
import type { Scope } from '../../accounts/principals.ts'
import { identityIdsOf } from '../../mailboxes/identity-mailboxes.ts'
import type { Db } from '../../platform/database.ts'
import { prefixedId } from './ids.ts'
import { Moment, momentOrNull, orNull } from './schemas.ts'

export const ApiKeyView = Type.Object(
  {
    id: Type.String({ description: '`ApiKey_` and an id: the part of the key in front of its dot.' }),
    organization_id: Type.String(),
    created_by: Type.String(),
    creator_type: Type.String({ description: '`human`, or `agent` for what was made with a key.' }),
    scoped_identity_id: orNull(Type.String()),
    label: Type.String(),
    description: orNull(Type.String()),
    status: Type.String({ description: '`active` or `revoked`.' }),
    last4: Type.String({ description: 'Empty for a key that is older than the record of it.' }),
    display_prefix: Type.String(),
    last_used_at: orNull(Moment),
    expires_at: orNull(Moment),
    revoked_at: orNull(Moment),
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'ApiKey' },
)

/** @param keys that the scope's workspace is within reach of. */
export async function apiKeyViews(db: Db, scope: Scope, keys: readonly ApiKey[]) {
  const mailboxIds = keys.flatMap(({ mailbox_id: id }) => (id === null ? [] : [id]))
  const identities = await identityIdsOf(db, mailboxIds)
  return keys.map((key) => ({
    id: prefixedId('apiKey', key.id),
    organization_id: prefixedId('organization', scope.workspaceId),
    ...creatorOf(key),
    // A mailbox that is no identity's is named itself: the key is not one of the whole workspace.
    scoped_identity_id: key.mailbox_id === null ? null : (identities.get(key.mailbox_id) ?? key.mailbox_id),
    label: key.name,
    description: key.description,
    status: key.revoked_at === null ? 'active' : 'revoked',
    last4: key.last4 ?? '',
    display_prefix: key.format === 'inkbox' ? key.token_prefix.slice(0, displayLength) : key.token_prefix,
    last_used_at: momentOrNull(key.last_used_at),
    expires_at: momentOrNull(key.expires_at),
    revoked_at: momentOrNull(key.revoked_at),
    created_at: key.created_at.toISOString(),
    updated_at: (key.revoked_at ?? key.created_at).toISOString(),
  }))
}

/** `ApiKey_` and eight digits. */
const displayLength = 15

/** Who made a key: a person by their id, a key by its own, and `operator` for whoever runs the server. */
export function creatorOf({ created_by: party }: Pick<ApiKey, 'created_by'>) {
  const [kind, id = ''] = party?.split(':') ?? []
  if (kind === 'user') return { created_by: id, creator_type: 'human' }
  if (kind === 'api_key') return { created_by: prefixedId('apiKey', id), creator_type: 'agent' }
  return { created_by: 'operator', creator_type: 'human' }
}
