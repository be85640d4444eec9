/**
 * Public keys of signers, read once for all messages. To read one costs more than to verify with it, and mail comes from
 * few signers again and again. The record is still asked for with each message: a key that changes, or goes, is another
 * text, and nothing is found under that.
 */
import { createPublicKey } from 'node:crypto'
import { DkimVerifier, type KeyCache } from 'mailauth/lib/dkim/dkim-verifier.js'
import { type FoundKey, getPublicKey } from 'mailauth/lib/tools.js'
import { createCache } from '../../platform/cache.ts'

/** A key takes some 5 kB with its text. */
const keysMax = 2_000
const keyTtlMs = 3600_000
/** A record with an RSA key of 8192 bits has 1,400 characters. */
const recordCharsMax = 2_000

const keys = createCache<FoundKey>({ entriesMax: keysMax, ttlMs: keyTtlMs })

/** @param own mailauth's, of one message: it reads the key anew for each. */
export function sharingKeys(own: KeyCache): KeyCache {
  const asked = new Map<string, Promise<string[] | string[][]>>()
  const recordsOf = (name: string): Promise<string[] | string[][]> => {
    const records = asked.get(name) ?? own.resolver(name, 'TXT')
    asked.set(name, records)
    return records
  }
  const find: KeyCache['get'] = async (type, name, minBitLength, options) => {
    if (!isPlainName(name)) return await own.get(type, name, minBitLength, options)
    const records = await recordsOf(name)
    const text = [records[0] ?? []].flat().join('')
    if (text.length > recordCharsMax) return await own.get(type, name, minBitLength, options)
    const question = JSON.stringify([text, minBitLength, options?.strict, options?.hashAlgo])
    const known = keys.get(question)
    if (known !== undefined) return known
    const found = await getPublicKey(type, name, minBitLength, async () => records, options)
    const read = { ...found, publicKey: createPublicKey(found.publicKey) }
    keys.set(question, read)
    return read
  }
  return {
    resolver: own.resolver,
    get(...question) {
      const found = find(...question)
      found.catch(() => undefined) // mailauth asks for the keys of a chain before it waits for them
      return found
    },
  }
}

/** Others are looked up in another form than they are written (RFC 8616 §3). */
function isPlainName(name: string): boolean {
  return /^[\x21-\x7e]+$/.test(name)
}

/**
 * mailauth makes a cache of its own for each message and takes none from outside; here every verifier has its own
 * wrapped when it sets it. The lookups and all that is judged by them stay mailauth's.
 */
export function shareKeys(): void {
  Object.defineProperty(DkimVerifier.prototype, 'keyCache', {
    configurable: true,
    set(this: DkimVerifier, own: KeyCache) {
      Object.defineProperty(this, 'keyCache', { value: sharingKeys(own), writable: true, configurable: true })
    },
  })
}
