/** Sessions: a person's login, as a bearer token of limited life. */
import { type RawBuilder, sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { guardLogin } from './login-guard.ts'
import type { GuardRow } from './login-guard-rows.ts'
import { hashPassword, passwordBytesMax, verifyPassword } from './passwords.ts'
import { newToken, sessionPrefix } from './tokens.ts'

export const sessionHours = 12

export type NewSession = { token: string; expiresAt: Date }

/**
 * Logs a person in.
 * @param remoteAddress the client's, for the guard against guessing.
 * @throws Refusal login_failed, after the same work whether the address or the password is wrong; rate_limited after too
 * many wrong passwords, with none looked at.
 */
export async function createSession(
  platform: Platform,
  email: string,
  password: string,
  remoteAddress: string,
): Promise<NewSession> {
  if (Buffer.byteLength(password) > passwordBytesMax) throw new Refusal('login_failed')
  const address = /\p{Cc}/u.test(email) ? '' : email.toLowerCase()
  const outcome = await guardLogin<Person | null, Person>(platform, {
    attempt: { kind: 'user', address, remoteAddress },
    guess: password,
    read: (guards) => readPerson(platform, address, guards),
    async verify(person) {
      if (person) return (await verifyPassword(password, person.password_hash)) ? person : null
      await hashPassword(password) // an unknown address must take as long as a wrong password
      return null
    },
  })
  if (outcome.kind === 'locked') throw new Refusal('rate_limited', 'Too many failed logins; try again later.')
  if (outcome.kind === 'refused') throw new Refusal('login_failed')
  const user = outcome.login
  const now = platform.clock.now()
  const token = newToken(sessionPrefix)
  const expiresAt = new Date(now.getTime() + sessionHours * 3600 * 1000)
  await transaction(platform.db, async (tx) => {
    await tx
      .insertInto('sessions')
      .values({
        id: newId(),
        user_id: user.id,
        organization_id: user.organization_id,
        token_sha256: token.sha256,
        expires_at: expiresAt,
        created_at: now,
      })
      .execute()
  })
  return { token: token.token, expiresAt }
}

type Person = { id: string; password_hash: string; organization_id: string }

async function readPerson(
  platform: Platform,
  email: string,
  guards: RawBuilder<GuardRow[]>,
): Promise<{ guards: readonly GuardRow[]; candidate: Person | null }> {
  const { rows } = await sql<{ guards: GuardRow[] } & (Person | { id: null })>`
    select counted.guards, found.* from (select ${guards} as guards) as counted left join (
      select users.id, users.password_hash, members.organization_id
      from users join members on members.user_id = users.id
      where users.email = ${email} order by members.created_at limit 1
    ) as found on true`.execute(platform.db)
  const [row] = rows
  return { guards: row?.guards ?? [], candidate: row && row.id !== null ? row : null }
}

/** Ends a session at once, on every node. */
export async function endSession(
  platform: Platform,
  session: { id: string; organizationId: string },
): Promise<void> {
  await transaction(platform.db, async (tx) => {
    await tx.deleteFrom('sessions').where('id', '=', session.id).execute()
    await appendEvents(platform, tx, [
      {
        type: 'session.ended',
        organizationId: session.organizationId,
        workspaceId: null,
        data: { session_id: session.id },
      },
    ])
  })
}

export async function deleteOldSessions(platform: Platform): Promise<void> {
  await platform.db.deleteFrom('sessions').where('expires_at', '<', platform.clock.now()).execute()
}
