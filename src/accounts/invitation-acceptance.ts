/** Accepting an invitation: whoever has the token becomes a member, and a user if they are none. */
import type { Selectable } from 'kysely'
import { type Db, type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { lockMembers } from './member-managers.ts'
import { insertMember } from './memberships.ts'
import { hashPassword, passwordBytesMax, verifyPassword } from './passwords.ts'
import type { Role } from './roles.ts'
import type { InvitationsTable } from './tables.ts'
import { tokenDigest } from './tokens.ts'
import { insertUser, requirePersonalPassword } from './users.ts'

/** What one accepts an invitation with. The name is a new user's; the password a new one, or what proves the user. */
export type Acceptance = { token: string; name: string | null; password: string }

export type Accepted = { organizationId: string; userId: string; email: string; role: Role }

/**
 * Accepts an invitation, once. One slow hash is made whatever the token and the address are, so that the time tells
 * nothing of either.
 * @throws Refusal invitation_not_found for a token that is unknown, used, revoked or too old; login_failed for the
 * wrong password of an existing user; password_too_weak for a new one; member_exists.
 */
export async function acceptInvitation(platform: Platform, acceptance: Acceptance): Promise<Accepted> {
  const { token, password } = acceptance
  if (Buffer.byteLength(password) > passwordBytesMax) throw new Refusal('password_too_weak')
  const digest = tokenDigest(token)
  const invitation = await openInvitation(platform, platform.db, digest)
  const person = await proven(platform.db, invitation?.email ?? null, acceptance)
  if (!invitation) throw new Refusal('invitation_not_found')
  return await transaction(platform.db, async (tx) => {
    await lockMembers(tx, invitation.organization_id)
    const open = await openInvitation(platform, tx, digest)
    if (!open) throw new Refusal('invitation_not_found')
    const { organization_id: organizationId, email, role, workspace_ids: workspaceIds } = open
    const { id: userId } =
      'id' in person ? person : await insertUser(platform, tx, organizationId, { email, ...person })
    await insertMember(platform, tx, { organizationId, userId, role, workspaceIds })
    await close(platform, tx, open, userId)
    return { organizationId, userId, email, role }
  })
}

/** Who accepts: a user who has proved it by the password, or what a new one is made of. */
type Person = { id: string } | { name: string | null; passwordHash: string }

async function proven(db: Db, email: string | null, { name, password }: Acceptance): Promise<Person> {
  const user =
    email === null
      ? undefined
      : await db
          .selectFrom('users')
          .select(['id', 'password_hash'])
          .where('email', '=', email)
          .executeTakeFirst()
  if (!user) {
    const passwordHash = await hashPassword(password)
    if (email !== null) requirePersonalPassword(password, email)
    return { name, passwordHash }
  }
  if (!(await verifyPassword(password, user.password_hash))) throw new Refusal('login_failed')
  return { id: user.id }
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
