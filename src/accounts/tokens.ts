/** Bearer tokens of API keys and sessions: 256 random bits, of which only the SHA-256 is stored. */
import { createHash, randomBytes } from 'node:crypto'

export type NewToken = { token: string; sha256: Buffer; prefix: string }

export const apiKeyPrefix = 'mw_'
export const sessionPrefix = 'mws_'

export function newToken(prefix: string): NewToken {
  return describeToken(`${prefix}${randomBytes(32).toString('base64url')}`)
}

/** What is stored of a token that was chosen elsewhere (the bootstrap key). */
export function describeToken(token: string): NewToken {
  return { token, sha256: tokenDigest(token), prefix: token.slice(0, 8) }
}

export function tokenDigest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
