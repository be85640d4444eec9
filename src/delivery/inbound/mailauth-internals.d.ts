/** What of mailauth's own modules shared-keys.ts uses; the package describes only its front. */
declare module 'mailauth/lib/tools.js' {
  import type { KeyObject } from 'node:crypto'

  export type KeyResolver = (name: string, type: string) => Promise<string[] | string[][]>
  export type KeyOptions = { strict?: boolean; hashAlgo?: string }
  /** `publicKey` is what crypto.verify() is given. */
  export type FoundKey = { publicKey: string | KeyObject }

  /** Asks for a key record and reads it. @throws where there is none, or none that may be used. */
  export function getPublicKey(
    type: string,
    name: string,
    minBitLength: number | undefined,
    resolver: KeyResolver,
    options: KeyOptions | undefined,
  ): Promise<FoundKey>
}

declare module 'mailauth/lib/dkim/dkim-verifier.js' {
  import type { FoundKey, KeyOptions, KeyResolver } from 'mailauth/lib/tools.js'

  /** Of one message. */
  export type KeyCache = {
    resolver: KeyResolver
    get(
      type: string,
      name: string,
      minBitLength: number | undefined,
      options: KeyOptions | undefined,
    ): Promise<FoundKey>
  }

  export class DkimVerifier {
    keyCache: KeyCache
  }
}
