/** Time-based one-time passwords (RFC 6238) with what every authenticator app knows: SHA-1, six digits, 30 seconds. */
import { randomBytes } from 'node:crypto'
import { HOTP, Secret, TOTP } from 'otpauth'

const shape = { algorithm: 'SHA1', digits: 6 } as const
const stepSeconds = 30
const stepMs = stepSeconds * 1000

/** Steps that a clock may be off, each way (RFC 6238 §5.2). */
const driftSteps = 1

// RFC 4226 §4 R6: at least 128 bits, and 160 are recommended. The most is a block of SHA-1, past which HMAC hashes it.
const generatedBytes = 20
const secretBytesMin = 16
const secretBytesMax = 64

export function generateTotpSecret(): Buffer {
  return randomBytes(generatedBytes)
}

/**
 * Reads a secret as authenticator apps and services show it: base32 in any case, with spaces, dashes or padding.
 * @returns null for what is no base32 (RFC 4648 §6), and for fewer than 128 or more than 512 bits.
 */
export function parseTotpSecret(text: string): Buffer | null {
  const base32 = text
    .replace(/[\s-]+/g, '')
    .replace(/=*$/, '')
    .toUpperCase()
  if (!/^[A-Z2-7]+$/.test(base32)) return null
  const bytes = Buffer.from(Secret.fromBase32(base32).bytes)
  // What is cut off, or has bits past its last byte, is not what anyone wrote.
  if (formatTotpSecret(bytes) !== base32) return null
  return bytes.length >= secretBytesMin && bytes.length <= secretBytesMax ? bytes : null
}

/** The secret in base32. */
export function formatTotpSecret(secret: Buffer): string {
  return secretOf(secret).base32
}

/** What an authenticator app takes, mostly as a QR code: `otpauth://totp/Issuer:address?...`. */
export function totpUri(secret: Buffer, issuer: string, address: string): string {
  // A colon ends the issuer.
  const name = issuer.replaceAll(':', ' ').trim()
  return new TOTP({
    ...shape,
    issuer: name,
    label: address,
    period: stepSeconds,
    secret: secretOf(secret),
  }).toString()
}

/** The code of a moment. */
export function totpCodeAt(secret: Buffer, at: Date): string {
  return HOTP.generate({ ...shape, secret: secretOf(secret), counter: stepOf(at) })
}

/** How long the code of a moment is the present one, in whole seconds: 1 to 30. */
export function totpSecondsLeft(at: Date): number {
  return Math.ceil((stepMs - (at.getTime() % stepMs)) / 1000)
}

/** Whether a text has the form of a code; people put a space in its middle. */
export function isTotpCode(text: string): boolean {
  return /^\d{6}$/.test(withoutSpaces(text))
}

/**
 * The time step whose code this is, among the present one and its neighbours.
 * @param lastStep the step of the last code that was taken: it and those before are no more (RFC 6238 §5.2).
 */
export function matchingTotpStep(
  secret: Buffer,
  code: string,
  at: Date,
  lastStep: number | null,
): number | null {
  const step = stepOf(at)
  const token = withoutSpaces(code)
  const delta = HOTP.validate({
    ...shape,
    token,
    secret: secretOf(secret),
    counter: step,
    window: driftSteps,
  })
  if (delta === null) return null
  const matched = step + delta
  return lastStep !== null && matched <= lastStep ? null : matched
}

function stepOf(at: Date): number {
  return Math.floor(at.getTime() / stepMs)
}

function withoutSpaces(text: string): string {
  return text.replace(/\s+/g, '')
}

function secretOf(bytes: Buffer): Secret {
  return new Secret({ buffer: Uint8Array.from(bytes).buffer })
}
