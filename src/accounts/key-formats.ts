/**
 * The shapes of API keys. A vendor's clients insist on the shape of their own keys; what such a key may do is the same as
 * of any other.
 */
import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { apiKeyPrefix, describeToken, type NewToken, newToken } from './tokens.ts'

export const keyFormats = ['mailwright', 'scaleway', 'inkbox'] as const
export type KeyFormat = (typeof keyFormats)[number]

/** A token with what its format shows beside it. */
export type FormattedToken = NewToken & {
  format: KeyFormat
  /** What Scaleway's clients call the access key: it names the key, is no secret and is never sent. Else null. */
  accessKey: string | null
}

/**
 * A new random token of that shape.
 * - `mailwright`: `mw_` and 256 random bits in base64url.
 * - `scaleway`: a UUID of version 4, of which 122 bits are random, and an access key.
 * - `inkbox`: `ApiKey_`, the key's id, a dot, and 256 random bits in base64url.
 * @param id of the key.
 */
export function newFormattedToken(format: KeyFormat, id: string): FormattedToken {
  switch (format) {
    case 'mailwright':
      return { ...newToken(apiKeyPrefix), format, accessKey: null }
    case 'scaleway':
      return { ...describeToken(randomUUID()), format, accessKey: newAccessKey() }
    case 'inkbox': {
      const prefix = `ApiKey_${id}`
      const secret = randomBytes(32).toString('base64url')
      return { ...describeToken(`${prefix}.${secret}`), prefix, format, accessKey: null }
    }
  }
}

// RFC 9562 §4: as scaleway's are.
const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const longestKey = 200

/** Whether a text may be an API key's token, of any format. */
export function looksLikeKey(text: string): boolean {
  if (text.length > longestKey) return false
  return text.startsWith(apiKeyPrefix) || text.startsWith('ApiKey_') || uuid.test(text)
}

/** A token of our own shape, or one that was chosen elsewhere (the bootstrap key). */
export function plainToken(token: NewToken): FormattedToken {
  return { ...token, format: 'mailwright', accessKey: null }
}

const accessKeyLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

function newAccessKey(): string {
  const letters = Array.from({ length: 17 }, () =>
    accessKeyLetters.charAt(randomInt(accessKeyLetters.length)),
  )
  return `SCW${letters.join('')}`
}
