/**
 * Proving a person by e-mail address and password, whatever for: to log in, or to accept an invitation. The login guard
 * stands before it.
 */
import { type RawBuilder, sql } from 'kysely'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { guardLogin, lockedRefusal } from './login-guard.ts'
import type { GuardRow } from './login-guard-rows.ts'
import { hashPassword, passwordBytesMax, verifyPassword } from './passwords.ts'

export type PersonLogin = {
  email: string
  password: string
  /** The client's, for the guard against guessing. */
  remoteAddress: string
  /** Of a person who is a member of several organizations, the one that is meant; null: the first. */
  organizationId: string | null
}

/** A user, and the organization that they are a member of. */
export type Person = { id: string; organization_id: string }

type Candidate = Person & { password_hash: string }

/**
 * @throws Refusal login_failed, after the same work whether the address or the password is wrong; rate_limited after too
 * many wrong passwords, with none looked at.
 */
export async function provePerson(platform: Platform, login: PersonLogin): Promise<Person> {
  const { password, remoteAddress } = login
  if (Buffer.byteLength(password) > passwordBytesMax) throw new Refusal('login_failed')
  const address = /\p{Cc}/u.test(login.email) ? '' : login.email.toLowerCase()
  const outcome = await guardLogin<Candidate | null, Candidate>(platform, {
    attempt: { kind: 'user', address, remoteAddress },
    guess: password,
    read: (guards) => readCandidate(platform, { ...login, email: address }, guards),
    async verify(person) {
      if (person) return (await verifyPassword(password, person.password_hash)) ? person : null
      await hashPassword(password) // an unknown address must take as long as a wrong password
      return null
    },
    async locked(_tx, person, { network, until }) {
      platform.log.warn({ event: 'login.locked', subject: 'pair', user_id: person?.id, network, until })
    },
  })
  if (outcome.kind === 'accepted') return outcome.login
  platform.log.info({ event: `login.${outcome.kind}`, protocol: 'people', username: address.slice(0, 254) })
  throw outcome.kind === 'locked' ? lockedRefusal(platform, outcome.until) : new Refusal('login_failed')
}

async function readCandidate(
  platform: Platform,
  { email, organizationId }: Pick<PersonLogin, 'email' | 'organizationId'>,
  guards: RawBuilder<GuardRow[]>,
): Promise<{ guards: readonly GuardRow[]; candidate: Candidate | null }> {
  const { rows } = await sql<{ guards: GuardRow[] } & (Candidate | { id: null })>`
    select counted.guards, found.* from (select ${guards} as guards) as counted left join (
      select users.id, users.password_hash, members.organization_id
      from users join members on members.user_id = users.id
      where users.email = ${email} and (${organizationId}::uuid is null or members.organization_id = ${organizationId}::uuid)
      order by members.created_at limit 1
    ) as found on true`.execute(platform.db)
  const [row] = rows
  return { guards: row?.guards ?? [], candidate: row && row.id !== null ? row : null }
}
