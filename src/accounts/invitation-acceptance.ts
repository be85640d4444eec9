/** Accepting an invitation: whoever has the token becomes a member, and a user if they are none. */
import type { Selectable } from 'kysely'
import { nameActor } from '../platform/actors.ts'
import { type Db, type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { lockMembers } from './member-managers.ts'
import { insertMember } from './memberships.ts'
import { hashPassword, passwordBytesMax } from './passwords.ts'
import { provePerson } from './people-login.ts'
import type { Role } from './roles.ts'
import type { InvitationsTable } from './tables.ts'
import { tokenDigest } from './tokens.ts'
import { insertUser, requirePersonalPassword } from './users.ts'

/** What one accepts an invitation with. The name is a new user's; the password a new one, or what proves the user. */
export type Acceptance = { token: string; name: string | null; password: string }

export type Accepted = { organizationId: string; userId: string; email: string; role: Role }

/**
 * Accepts an invitation, once. One slow hash is made whatever the token and the address are, so that the time tells
 * nothing of either. Whoever has a token may try passwords of the user that it is for, so that the login guard counts them.
 * @param remoteAddress the client's, for the guard.
 * @throws Refusal invitation_not_found for a token that is unknown, used, revoked or too old; login_failed for the
 * wrong password of an existing user, rate_limited after too many; password_too_weak for a new one; member_exists.
 */
export async function acceptInvitation(
  platform: Platform,
  acceptance: Acceptance,
  remoteAddress: string,
): Promise<Accepted> {
  const { token, password } = acceptance
  if (Buffer.byteLength(password) > passwordBytesMax) throw new Refusal('password_too_weak')
  const digest = tokenDigest(token)
  const invitation = await openInvitation(platform, platform.db, digest)
  const person = await proven(platform, invitation?.email ?? null, acceptance, remoteAddress)
  if (!invitation) throw new Refusal('invitation_not_found')
  return await transaction(platform.db, async (tx) => {
    await lockMembers(tx, invitation.organization_id)
    const open = await openInvitation(platform, tx, digest)
    if (!open) throw new Refusal('invitation_not_found')
    nameActor(tx, `user:${person.id}`)
    const { organization_id: organizationId, email, role, workspace_ids: workspaceIds } = open
    const { id: userId } = person
    if (person.isNew) await insertUser(platform, tx, organizationId, { email, ...person })
    await insertMember(platform, tx, { organizationId, userId, role, workspaceIds })
    await close(platform, tx, open, userId)
    return { organizationId, userId, email, role }
  })
}

/** Who accepts: a user who has proved it by the password, or what a new one is made of. */
type Person =
  | { id: string; isNew: false }
  | { id: string; isNew: true; name: string | null; passwordHash: string }

async function proven(
  platform: Platform,
  email: string | null,
  { name, password }: Acceptance,
  remoteAddress: string,
): Promise<Person> {
  if (email !== null && (await isUser(platform.db, email))) {
    const { id } = await provePerson(platform, { email, password, remoteAddress, organizationId: null })
    return { id, isNew: false }
  }
  const passwordHash = await hashPassword(password)
  if (email !== null) requirePersonalPassword(password, email)
  return { id: newId(), isNew: true, name, passwordHash }
}

async function isUser(db: Db, email: string): Promise<boolean> {
  const user = await db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirst()
  return user !== undefined
}

async function openInvitation(
  platform: Platform,
  db: Db,
  digest: Buffer,
): Promise<Selectable<InvitationsTable> | undefined> {
  return await db
    .selectFrom('invitations')
    .selectAll()
    .where('token_sha256', '=', digest)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', platform.clock.now())
    .executeTakeFirst()
}

async function close(
  platform: Platform,
  tx: Tx,
  { id, organization_id: organizationId }: Selectable<InvitationsTable>,
  userId: string,
): Promise<void> {
  await tx
    .updateTable('invitations')
    .set({ accepted_at: platform.clock.now() })
    .where('id', '=', id)
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'invitation.accepted',
      organizationId,
      workspaceId: null,
      data: { invitation_id: id, user_id: userId },
    },
  ])
}
