/**
 * The vault: seals what must be shown again with AES-256-GCM under a master key, and makes keyed
 * digests. Every sealed value names its key, so that a new key can be put first and old values still open.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { randomBytes } from './random.ts'

export type Vault = {
  /** The id of the key that seals now. */
  readonly keyId: string
  /** The ids of all keys that open. */
  readonly keyIds: ReadonlySet<string>
  /**
   * Seals a secret. `context` says where it is kept (`table:id`) and is authenticated with it, so that a
   * sealed value copied into another row does not open.
   */
  seal(plaintext: Buffer | string, context: string): Buffer
  /** Opens what `seal` made. @throws VaultError when the key is unknown or the value was changed. */
  open(sealed: Buffer, context: string): Buffer
  /** Whether the value is sealed under another key than the present one. */
  isStale(sealed: Buffer): boolean
  /** HMAC-SHA-256 under a key derived from the master key of that id (the present one by default). */
  digest(value: string, context: string, keyId?: string): Buffer
}

export class VaultError extends Error {}

// As key objects: bytes would be made into one with each call, which takes longer than its work.
type Key = { id: string; sealing: KeyObject; digesting: KeyObject }

// Layout: 1 byte version, 4 bytes key id, 12 bytes nonce, 16 bytes tag, ciphertext.
const version = 1
const headerBytes = 1 + 4 + 12 + 16

/**
 * @param masterKeys 32 bytes each in base64 or hex, separated by commas or lines. The first seals.
 * @throws VaultError when there is no key or one is not 32 bytes.
 */
export function createVault(masterKeys: string): Vault {
  const keys = masterKeys
    .split(/[\s,]+/)
    .filter((text) => text !== '')
    .map(parseKey)
  const [current] = keys
  if (!current) throw new VaultError('there is no master key')
  const byId = new Map(keys.map((key) => [key.id, key]))

  const find = (id: string): Key => {
    const key = byId.get(id)
    if (!key) throw new VaultError(`the master key ${id} is not among the configured ones`)
    return key
  }

  return {
    keyId: current.id,
    keyIds: new Set(byId.keys()),
    seal: (plaintext, context) => seal(current, plaintext, context),
    open: (sealed, context) => open(find(keyIdOf(sealed)), sealed, context),
    isStale: (sealed) => keyIdOf(sealed) !== current.id,
    digest: (value, context, keyId = current.id) =>
      createHmac('sha256', find(keyId).digesting).update(`${context}\0${value}`).digest(),
  }
}

/** A new master key in the form that the configuration takes. */
export function newMasterKey(): string {
  return randomBytes(32).toString('base64')
}

function parseKey(text: string): Key {
  // Node skips what is not base64; a key with a slip of the pen must not silently become another key.
  const isHex = /^[0-9a-f]{64}$/i.test(text)
  if (!isHex && !/^[\w+/-]{43}=?$/.test(text)) {
    throw new VaultError('a master key must be 32 bytes in base64 or hex')
  }
  const bytes = Buffer.from(text, isHex ? 'hex' : 'base64')
  const derive = (purpose: string): KeyObject =>
    createSecretKey(Buffer.from(hkdfSync('sha256', bytes, '', `mailwright ${purpose}`, 32)))
  const id = createHash('sha256').update(bytes).digest('hex').slice(0, 8)
  return { id, sealing: derive('seal'), digesting: derive('digest') }
}

function keyIdOf(sealed: Buffer): string {
  if (sealed.length < headerBytes || sealed[0] !== version) throw new VaultError('this is not a sealed value')
  return sealed.toString('hex', 1, 5)
}

function seal(key: Key, plaintext: Buffer | string, context: string): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key.sealing, nonce)
  cipher.setAAD(Buffer.from(context))
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([Buffer.from([version]), Buffer.from(key.id, 'hex'), nonce, cipher.getAuthTag(), body])
}

function open(key: Key, sealed: Buffer, context: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key.sealing, sealed.subarray(5, 17), { authTagLength: 16 })
  decipher.setAAD(Buffer.from(context))
  decipher.setAuthTag(sealed.subarray(17, headerBytes))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(headerBytes)), decipher.final()])
  } catch (cause) {
    throw new VaultError('the sealed value does not open: it was changed, or moved from its place', { cause })
  }
}
