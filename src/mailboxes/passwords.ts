/**
 * Mailbox passwords. They must be shown again (clients are set up with them, and they are exported), so that
 * each is sealed; it is checked by an HMAC under a key of the same vault (decision 0015).
 */
import { timingSafeEqual } from 'node:crypto'
import { Refusal } from '../platform/errors.ts'
import { passwordProblem } from '../platform/password-strength.ts'
import { randomBytes } from '../platform/random.ts'
import type { Vault } from '../platform/vault.ts'

export type StoredPassword = {
  verifier: Buffer
  key_id: string
  sealed_password: Buffer
  /** Made when first needed (scram-verifiers.ts); a new password has none. */
  sealed_scram_verifier: null
}

const generatedBytes = 18 // 144 bits, above the 128 that a fast check needs
const bytesMax = 256

/**
 * With letters of both cases and a digit, as services elsewhere want it, and none of base64url's marks in front, which
 * spreadsheets take for a formula: the few without are drawn again.
 */
export function generatePassword(): string {
  const sorts = [/[a-z]/, /[A-Z]/, /\d/, /^[A-Za-z\d]/]
  for (;;) {
    const password = randomBytes(generatedBytes).toString('base64url')
    if (sorts.every((sort) => sort.test(password))) return password
  }
}

/**
 * @param known what else is known of the mailbox's owner: names.
 * @throws Refusal password_too_weak for a password that is short, common, a pattern, or made of the address or names.
 */
export function requireStrongPassword(
  password: string,
  address: string,
  known: readonly (string | null)[] = [],
): void {
  const problem = passwordProblem(password, { bytesMax, known: [address, ...known] })
  if (problem !== null) throw new Refusal('password_too_weak', problem)
}

/** What is stored of a password. */
export function storePassword(vault: Vault, mailboxId: string, password: string): StoredPassword {
  const context = passwordContext(mailboxId)
  return {
    verifier: vault.digest(comparable(password), context),
    key_id: vault.keyId,
    sealed_password: vault.seal(password, context),
    sealed_scram_verifier: null,
  }
}

export function verifyMailboxPassword(
  vault: Vault,
  mailboxId: string,
  stored: Pick<StoredPassword, 'verifier' | 'key_id'>,
  password: string,
): boolean {
  if (Buffer.byteLength(password) > bytesMax) return false
  const expected = vault.digest(comparable(password), passwordContext(mailboxId), stored.key_id)
  return expected.length === stored.verifier.length && timingSafeEqual(expected, stored.verifier)
}

// RFC 8265 §4.2.2: keyboards send an accented letter as one code point or as two.
function comparable(password: string): string {
  return password.normalize('NFC')
}

export function openPassword(vault: Vault, mailboxId: string, sealed: Buffer): string {
  return vault.open(sealed, passwordContext(mailboxId)).toString()
}

function passwordContext(mailboxId: string): string {
  return `mailbox_passwords:${mailboxId}`
}
