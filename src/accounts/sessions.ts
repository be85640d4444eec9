/** Sessions: a person's login, as a bearer token of limited life. */
import { nameActor } from '../platform/actors.ts'
import { type Tx, transaction, violatedConstraint } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { provePerson } from './people-login.ts'
import { newToken, sessionPrefix } from './tokens.ts'

export const sessionHours = 12

export type NewSession = { token: string; expiresAt: Date }

/**
 * Logs a person in.
 * @param remoteAddress the client's, for the guard against guessing.
 * @param organizationId of a person who is a member of several, the one that the session is for; null: the first.
 * @throws Refusal login_failed, rate_limited: as provePerson.
 */
export async function createSession(
  platform: Platform,
  email: string,
  password: string,
  remoteAddress: string,
  organizationId: string | null = null,
): Promise<NewSession> {
  const user = await provePerson(platform, { email, password, remoteAddress, organizationId })
  const now = platform.clock.now()
  const id = newId()
  const token = newToken(sessionPrefix)
  const expiresAt = new Date(now.getTime() + sessionHours * 3600 * 1000)
  await transaction(platform.db, async (tx) => {
    nameActor(tx, `user:${user.id}`)
    await tx
      .insertInto('sessions')
      .values({
        id,
        user_id: user.id,
        organization_id: user.organization_id,
        token_sha256: token.sha256,
        expires_at: expiresAt,
        created_at: now,
      })
      .execute()
      .catch((error: unknown) => {
        // Removed and deleted while the password was checked.
        if (violatedConstraint(error) !== 'sessions_user_id_fkey') throw error
        throw new Refusal('login_failed', undefined, { cause: error })
      })
    await appendEvents(platform, tx, [
      {
        type: 'session.created',
        organizationId: user.organization_id,
        workspaceId: null,
        data: { session_id: id, user_id: user.id, remote_address: remoteAddress },
      },
    ])
  })
  return { token: token.token, expiresAt }
}

/** Ends a session at once, on every node. */
export async function endSession(
  platform: Platform,
  tx: Tx,
  session: { id: string; organizationId: string },
): Promise<void> {
  await tx.deleteFrom('sessions').where('id', '=', session.id).execute()
  await appendEvents(platform, tx, [
    {
      type: 'session.ended',
      organizationId: session.organizationId,
      workspaceId: null,
      data: { session_id: session.id },
    },
  ])
}

/** Ends all sessions of a user with an organization. */
export async function endSessionsOf(
  platform: Platform,
  tx: Tx,
  { organizationId, userId }: { organizationId: string; userId: string },
): Promise<void> {
  const ended = await tx
    .deleteFrom('sessions')
    .where('user_id', '=', userId)
    .where('organization_id', '=', organizationId)
    .returning('id')
    .execute()
  await appendEvents(
    platform,
    tx,
    ended.map(({ id }) => ({
      type: 'session.ended' as const,
      organizationId,
      workspaceId: null,
      data: { session_id: id },
    })),
  )
}

export async function deleteOldSessions(platform: Platform): Promise<void> {
  await platform.db.deleteFrom('sessions').where('expires_at', '<', platform.clock.now()).execute()
}
