/** Signatures of what leaves: DKIM (RFC 6376, RFC 8463) for our own, an ARC set (RFC 8617) for forwards. */
import { Readable } from 'node:stream'
import { createSeal } from 'mailauth/lib/arc/index.js'
import { type DkimSigner, dkimSignersOf } from '../../domains/dkim-keys.ts'
import { parseAddressList } from '../../messages/mime/addresses.ts'
import { decodeHeaderBytes } from '../../messages/mime/header-fields.ts'
import type { Platform } from '../../platform/platform.ts'
import { digestMessage, type MessageDigest } from '../dkim/message-digest.ts'
import { signatureField } from '../dkim/signature.ts'
import type { ArcRecord, OutboundKind } from './tables.ts'

export type SignInput = {
  kind: OutboundKind
  /** Null: nothing is signed. */
  signingDomain: string | null
  arc: ArcRecord | null
  /** The message as it will be sent, from its start; each call reads it again. */
  read(): AsyncIterable<Buffer>
}

/**
 * @returns the header fields to put in front of the message, each with its CRLF; empty when there is no key.
 * @throws VaultError when the keys of the domain are there and do not open: the message waits until they do.
 */
export async function signatureFields(platform: Platform, input: SignInput): Promise<string> {
  if (input.signingDomain === null) return ''
  const signers = await dkimSignersOf(platform, input.signingDomain)
  if (signers.length === 0) return count(platform, 'no_key', '')
  const message = await digestMessage(input.read())
  if (message === null) return count(platform, 'header_too_large', '')
  const dkim = maySignAsAuthor(input, input.signingDomain, message)
    ? await dkimFields(platform, signers, message)
    : ''
  return input.kind === 'forward' ? (await arcFields(platform, input, signers)) + dkim : dkim
}

async function dkimFields(
  platform: Platform,
  signers: readonly DkimSigner[],
  message: MessageDigest,
): Promise<string> {
  // RFC 6376 §5.4: a signature without From is none.
  if (!message.fields.some(({ name }) => name === 'from')) return count(platform, 'no_author', '')
  const now = platform.clock.now()
  const fields = await Promise.all(signers.map((signer) => signatureField(signer, message, now)))
  return count(platform, 'dkim', fields.join(''))
}

/**
 * What our own people send is signed as theirs. A forward is, when its only author is of that domain and this was proved
 * on arrival: our signature would make a forged author a genuine one.
 */
function maySignAsAuthor({ kind, arc }: SignInput, signingDomain: string, message: MessageDigest): boolean {
  if (kind !== 'forward') return true
  const authors = message.fields.filter(({ name }) => name === 'from')
  const [from] = authors
  if (authors.length !== 1 || from === undefined || arc === null) return false
  const addresses = parseAddressList(decodeHeaderBytes(from.raw.subarray(from.raw.indexOf(':') + 1)))
  const isOurs = addresses.length === 1 && addresses[0]?.host?.toLowerCase() === signingDomain
  return isOurs && provesAuthor(arc.authResults)
}

/** Whether the results on arrival say it: by DMARC (RFC 7489), or by the login that it was submitted with (RFC 8601 §2.7.4). */
function provesAuthor(authResults: string): boolean {
  // What others chose stands in quotes and comments.
  const bare = authResults.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/\([^()]*\)/g, '')
  return /(?:^|;)\s*(?:dmarc|auth)=pass\b/.test(bare)
}

/** An ARC set: what we saw on arrival, sealed with the RSA key, which every verifier knows. */
async function arcFields(
  platform: Platform,
  { arc, read }: SignInput,
  signers: readonly DkimSigner[],
): Promise<string> {
  const signer = signers.find(({ algorithm }) => algorithm === 'rsa-sha256')
  if (arc === null || signer === undefined) return count(platform, 'no_seal', '')
  const { headers, errors } = await createSeal(Readable.from(read()), {
    seal: {
      signingDomain: signer.domain,
      selector: signer.selector,
      privateKey: signer.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      algorithm: signer.algorithm,
      signTime: platform.clock.now(),
      authResults: arc.authResults,
      cv: arc.cv,
    },
  })
  // A chain that failed before is not sealed again (RFC 8617 §5.1 step 2), nor one of 50 sets.
  if (headers.length === 0) {
    platform.log.debug({ event: 'arc.not_sealed', problems: errors.map(({ err }) => err.message) })
    return count(platform, 'no_seal', '')
  }
  return count(platform, 'arc', headers.map((field) => `${field}\r\n`).join(''))
}

type SignatureResult = 'dkim' | 'arc' | 'no_key' | 'no_seal' | 'no_author' | 'header_too_large'

function count(platform: Platform, result: SignatureResult, fields: string): string {
  platform.metrics.signatures.inc({ result })
  return fields
}
