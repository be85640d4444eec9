/** HTTP-01 challenges (RFC 8555 §8.3): an authority asks any node of the platform, which answers from the database. */
import type { Platform } from '../../platform/platform.ts'
import { certificatePolicy } from './policy.ts'

/** Under this path, on port 80 of the host name. */
export const challengePath = '/.well-known/acme-challenge/'

// §8.3: base64url, at least 128 bits.
const tokenPattern = /^[\w-]{22,256}$/

export async function putChallenge(
  { db, clock }: Platform,
  token: string,
  keyAuthorization: string,
): Promise<void> {
  if (!tokenPattern.test(token)) throw new Error('the authority gave a token that is not base64url')
  const expiresAt = new Date(clock.now().getTime() + certificatePolicy.challengeMs)
  await db
    .insertInto('acme_challenges')
    .values({ token, key_authorization: keyAuthorization, expires_at: expiresAt })
    .onConflict((conflict) =>
      conflict.column('token').doUpdateSet({ key_authorization: keyAuthorization, expires_at: expiresAt }),
    )
    .execute()
}

export async function removeChallenge({ db }: Platform, token: string): Promise<void> {
  await db.deleteFrom('acme_challenges').where('token', '=', token).execute()
}

export async function removeExpiredChallenges({ db, clock }: Platform): Promise<void> {
  await db.deleteFrom('acme_challenges').where('expires_at', '<=', clock.now()).execute()
}

/** @returns what to answer, or null: the token is not one of ours. */
export async function findChallenge({ db, config, clock }: Platform, token: string): Promise<string | null> {
  if (config.acmeDirectoryUrl === null || !tokenPattern.test(token)) return null
  const row = await db
    .selectFrom('acme_challenges')
    .select('key_authorization')
    .where('token', '=', token)
    .where('expires_at', '>', clock.now())
    .executeTakeFirst()
  return row?.key_authorization ?? null
}
