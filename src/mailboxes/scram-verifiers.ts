/**
 * SCRAM-SHA-256 verifiers (RFC 5802 §3, RFC 7677): made from the sealed password when one is first needed, and kept
 * beside it, sealed as well. All passwords of a mailbox share the salt, so that whichever of them a client has can
 * match. The salt is an HMAC of the address under the vault's key: an address that nobody has gets one just the same,
 * and asking for it tells nobody whether it exists.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { Selectable } from 'kysely'
import type { Platform } from '../platform/platform.ts'
import type { Vault } from '../platform/vault.ts'
import { openPassword } from './passwords.ts'
import { saslPrep } from './saslprep.ts'
import type { MailboxPasswordsTable } from './tables.ts'

export type ScramKeys = { storedKey: Buffer; serverKey: Buffer }

export type ScramSalt = { salt: Buffer; iterations: number }

/** What is read of a password to check a proof against it. */
export type ScramPassword = Pick<
  Selectable<MailboxPasswordsTable>,
  'mailbox_id' | 'id' | 'name' | 'verifier' | 'sealed_password' | 'sealed_scram_verifier'
>

/**
 * RFC 7677 §4 asks for at least 4,096. Clients pay for it at each login, some of them on a telephone; what is stored
 * here does not rest on it, as it is sealed.
 */
const iterations = 10_000
const saltBytes = 16
const keyBytes = 32

/** The salt of an address in its canonical form, whether anyone has it or not. */
export function scramSaltOf(vault: Vault, address: string): ScramSalt {
  return { salt: vault.digest(address, 'scram_salt').subarray(0, saltBytes), iterations }
}

export type Proven = { password: ScramPassword; keys: ScramKeys }

/** The one password that the proof is made with; null when none is. Takes as long when none is. */
export async function findProven(
  platform: Platform,
  passwords: readonly ScramPassword[],
  { salt, proof, authMessage }: { salt: ScramSalt; proof: Buffer; authMessage: string },
): Promise<Proven | null> {
  const made: Proven[] = []
  let proven: Proven | null = null
  for (const password of passwords) {
    const kept = readVerifier(platform.vault, password, salt)
    const keys = kept ?? (await makeKeys(platform.vault, password, salt))
    if (kept === null) made.push({ password, keys })
    if (isProof(keys, proof, authMessage)) proven = { password, keys }
  }
  // Also after a wrong proof: a mailbox may have fifty passwords, and each is derived once and not at each guess.
  for (const { password, keys } of made) await keepVerifier(platform, password, salt, keys)
  // A wrong proof costs one derivation, whether there are passwords, kept verifiers, or nothing at all.
  if (proven === null && made.length === 0) await deriveKeys('', salt)
  return proven
}

/** RFC 5802 §3: SaltedPassword, and from it StoredKey and ServerKey. */
export async function deriveKeys(password: string, { salt, iterations }: ScramSalt): Promise<ScramKeys> {
  // PostgreSQL does the same with a password that SASLprep refuses, and so do the clients that care.
  const prepared = saslPrep(password) ?? password
  const salted = await inTurn(() => pbkdf2Async(prepared, salt, iterations, keyBytes, 'sha256'))
  return {
    storedKey: createHash('sha256').update(hmac(salted, 'Client Key')).digest(),
    serverKey: hmac(salted, 'Server Key'),
  }
}

export function hmac(key: Buffer, message: string): Buffer {
  return createHmac('sha256', key).update(message).digest()
}

/** RFC 5802 §3: what ClientProof hides is the key whose hash is StoredKey. */
function isProof({ storedKey }: ScramKeys, proof: Buffer, authMessage: string): boolean {
  if (proof.length !== keyBytes) return false
  const signature = hmac(storedKey, authMessage)
  const clientKey = Buffer.from(proof.map((byte, at) => byte ^ (signature[at] ?? 0)))
  return timingSafeEqual(createHash('sha256').update(clientKey).digest(), storedKey)
}

async function makeKeys(vault: Vault, password: ScramPassword, salt: ScramSalt): Promise<ScramKeys> {
  return await deriveKeys(openPassword(vault, password.mailbox_id, password.sealed_password), salt)
}

/** Layout: 4 bytes iterations, the salt, StoredKey, ServerKey. @returns null when it has to be made (again). */
function readVerifier(vault: Vault, password: ScramPassword, wanted: ScramSalt): ScramKeys | null {
  const { sealed_scram_verifier: sealed } = password
  if (sealed === null || vault.isStale(sealed)) return null
  const bytes = vault.open(sealed, contextOf(password))
  const salt = bytes.subarray(4, 4 + saltBytes)
  if (bytes.readUInt32BE(0) !== wanted.iterations || !salt.equals(wanted.salt)) return null
  const keys = bytes.subarray(4 + saltBytes)
  return { storedKey: keys.subarray(0, keyBytes), serverKey: keys.subarray(keyBytes) }
}

async function keepVerifier(
  { db, vault }: Platform,
  password: ScramPassword,
  { salt, iterations }: ScramSalt,
  { storedKey, serverKey }: ScramKeys,
): Promise<void> {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(iterations)
  await db
    .updateTable('mailbox_passwords')
    .set({
      sealed_scram_verifier: vault.seal(
        Buffer.concat([head, salt, storedKey, serverKey]),
        contextOf(password),
      ),
    })
    .where('mailbox_id', '=', password.mailbox_id)
    .where('name', '=', password.name)
    .where('verifier', '=', password.verifier) // not of a password that was changed in the meantime
    .execute()
}

function contextOf({ mailbox_id, name }: ScramPassword): string {
  return `scram_verifiers:${mailbox_id}:${name}`
}

const pbkdf2Async = promisify(pbkdf2)

/** Node's thread pool, where derivations run, has four threads that files and name look-ups need as well. */
const derivationsAtOnceMax = 2
let running = 0
const waiting: (() => void)[] = []

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= derivationsAtOnceMax) await new Promise<void>((resolve) => waiting.push(resolve))
  else running += 1
  try {
    return await work()
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running -= 1
  }
}
