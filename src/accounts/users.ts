/** Users: people who log in with an e-mail address and a password. What they may do is their membership's to say. */
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import { passwordProblem } from '../platform/password-strength.ts'
import type { Platform } from '../platform/platform.ts'
import { insertMember } from './memberships.ts'
import { hashPassword, passwordBytesMax } from './passwords.ts'
import type { Role } from './roles.ts'

export type User = { id: string; email: string }

// What people log in with is not written to from here yet: it must be one address, in ASCII.
const emailPattern = /^[!-?A-~]+@[!-?A-~]+$/
const emailLengthMax = 254 // RFC 5321 §4.5.3.1.3, as RFC 3696 erratum 1690 says

/** A user as they are shown; null when there is none with that id. */
export async function findUser(
  db: Db,
  id: string,
): Promise<{ id: string; email: string; name: string | null } | null> {
  const user = await db
    .selectFrom('users')
    .select(['id', 'email', 'name'])
    .where('id', '=', id)
    .executeTakeFirst()
  return user ?? null
}

/** The canonical form of an e-mail address that people log in with. @throws Refusal invalid_request. */
export function canonicalEmail(text: string): string {
  if (text.length <= emailLengthMax && emailPattern.test(text)) return text.toLowerCase()
  throw new Refusal('invalid_request', 'The e-mail address is not valid.', {
    fields: [{ pointer: '/email', detail: 'must be an e-mail address' }],
  })
}

/** Why a person's password is not taken: it is short, common, a pattern or the address, or longer than a login takes. */
export function personalPasswordProblem(password: string, email: string): string | null {
  return passwordProblem(password, { bytesMax: passwordBytesMax, known: [email] })
}

/** @throws Refusal password_too_weak. */
export function requirePersonalPassword(password: string, email: string): void {
  const problem = personalPasswordProblem(password, email)
  if (problem !== null) throw new Refusal('password_too_weak', problem)
}

/**
 * The hash of a password that somebody chose for themselves or for another. It is slow: made before a transaction is
 * begun.
 * @throws Refusal invalid_request for what is no e-mail address, password_too_weak.
 */
export async function hashPersonalPassword(password: string, email: string): Promise<string> {
  requirePersonalPassword(password, canonicalEmail(email))
  return await hashPassword(password)
}

/** Makes a user and its membership. The hash is slow by design: never call this in a loop of many. */
export async function createUser(
  platform: Platform,
  tx: Tx,
  wanted: { organizationId: string; email: string; password: string; role: Role },
): Promise<User> {
  const { organizationId, email, role } = wanted
  const passwordHash = await hashPassword(wanted.password)
  const user = await insertUser(platform, tx, organizationId, { email, name: null, passwordHash })
  await insertMember(platform, tx, { organizationId, userId: user.id, role, workspaceIds: null })
  return user
}

/**
 * Writes a user whose password is hashed already, with a new id unless one is given. An address is one user's on the
 * whole platform.
 * @throws Refusal email_taken.
 */
export async function insertUser(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  wanted: { id?: string; email: string; name: string | null; passwordHash: string },
): Promise<User> {
  const user = await tx
    .insertInto('users')
    .values({
      id: wanted.id ?? newId(),
      email: wanted.email.toLowerCase(),
      name: wanted.name,
      password_hash: wanted.passwordHash,
      created_at: platform.clock.now(),
    })
    .onConflict((conflict) => conflict.column('email').doNothing())
    .returning(['id', 'email'])
    .executeTakeFirst()
  if (!user) throw new Refusal('email_taken', `There is a user ${wanted.email} already.`)
  await appendEvents(platform, tx, [
    { type: 'user.created', organizationId, workspaceId: null, data: { user_id: user.id } },
  ])
  return user
}

/**
 * Deletes a user who is a member of nothing any more: nobody could log in as them, and their address is free for who is
 * invited or made a member anew. Does nothing for a member of another organization.
 * @param organizationId the one that they were a member of last.
 */
export async function deleteFormerUser(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<void> {
  // Whoever is just making them a member elsewhere, or logging them in, is waited for or waits for this.
  await tx.selectFrom('users').select('id').where('id', '=', userId).forUpdate().execute()
  const membership = await tx
    .selectFrom('members')
    .select('user_id')
    .where('user_id', '=', userId)
    .limit(1)
    .executeTakeFirst()
  if (membership) return
  await tx.deleteFrom('sessions').where('user_id', '=', userId).execute()
  await tx.deleteFrom('users').where('id', '=', userId).execute()
  await appendEvents(platform, tx, [
    { type: 'user.deleted', organizationId, workspaceId: null, data: { user_id: userId } },
  ])
}
