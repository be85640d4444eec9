/** Signatures of what leaves: DKIM (RFC 6376, RFC 8463) for our own, an ARC set (RFC 8617) for forwards. */
import type { Platform } from '../../platform/platform.ts'
import type { ArcRecord, OutboundKind } from './tables.ts'

export type SignInput = {
  kind: OutboundKind
  /** Null: nothing is signed. */
  signingDomain: string | null
  arc: ArcRecord | null
  /** The message as it will be sent, from its start; each call reads it again. */
  read(): AsyncIterable<Buffer>
}

/** @returns the header fields to put in front of the message, each with its CRLF; empty when there is no key. */
export async function signatureFields(_platform: Platform, _input: SignInput): Promise<string> {
  return ''
}
