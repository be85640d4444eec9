/** One message to one destination over a ready session: signed, and sent in one transaction. */
import { readBody } from '../../messages/bodies.ts'
import { type Cache, createCache } from '../../platform/cache.ts'
import type { Platform } from '../../platform/platform.ts'
import { loadBody, loadedBytesMax } from './body-loader.ts'
import type { ClaimedMessage, Job } from './claim.ts'
import type { ReadySession } from './connect.ts'
import { signatureFields } from './sign.ts'
import { noReply } from './smtp-client/failure.ts'
import { type RecipientResult, sendMessage } from './smtp-client/transaction.ts'

// A message up to this size is read once, for its signature and for the wire; a larger one is streamed for each.
const heldBytesMax = 1024 * 1024

/**
 * @returns a result for each recipient, in order.
 * @throws when the message cannot be read or signed; the session is closed if it is in the middle of something.
 */
export async function transmit(
  platform: Platform,
  ready: ReadySession,
  { message, recipients }: Job,
): Promise<RecipientResult[]> {
  const { session } = ready
  if (message.requireTls && !(ready.isAuthenticated && session.capabilities.requireTls)) {
    // RFC 8689 §4.2.1: rather not at all than in the open.
    const text = 'the message requires TLS (REQUIRETLS), which the server does not warrant'
    return recipients.map(() => ({ ok: false, reply: noReply('tls', '5.7.30', text) }))
  }
  const read = await readerOf(platform, message)
  const fields = Buffer.from(await signedFields(platform, message, read))
  return await sendMessage(
    session,
    {
      mailFrom: message.mailFrom,
      sizeBytes: message.sizeBytes + fields.length,
      smtputf8: message.smtputf8,
      ret: message.ret,
      envid: message.envid,
      requireTls: message.requireTls,
      recipients,
    },
    () => withFields(fields, read()),
  )
}

type Reader = () => AsyncIterable<Buffer>

async function readerOf(
  platform: Platform,
  { bodyId, skipBytes, sizeBytes }: ClaimedMessage,
): Promise<Reader> {
  const range = { start: skipBytes, end: skipBytes + sizeBytes }
  if (range.end <= loadedBytesMax) {
    const raw = (await loadBody(platform, bodyId)).subarray(range.start, range.end)
    return async function* () {
      yield raw
    }
  }
  const read = (): AsyncIterable<Buffer> => readBody(platform.db, bodyId, range)
  if (sizeBytes > heldBytesMax) return read
  const pieces: Buffer[] = []
  for await (const piece of read()) pieces.push(piece)
  return async function* () {
    yield* pieces
  }
}

async function* withFields(fields: Buffer, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  if (fields.length > 0) yield fields
  yield* content
}

/** Once for a message, when it goes to several destinations at the same time. */
async function signedFields(platform: Platform, message: ClaimedMessage, read: Reader): Promise<string> {
  if (message.signingDomain === null && message.arc === null) return ''
  const { kind, signingDomain, arc } = message
  const sign = async (): Promise<string> =>
    await signatureFields(platform, { kind, signingDomain, arc, read })
  return (await cacheOf(platform).load(message.id, sign)) ?? ''
}

const signedMax = 1000
// A signature says when it was made: an attempt an hour later gets its own.
const signedMs = 60_000
const caches = new WeakMap<Platform, Cache<string>>()

function cacheOf(platform: Platform): Cache<string> {
  const cache = caches.get(platform) ?? createCache<string>({ entriesMax: signedMax, ttlMs: signedMs })
  caches.set(platform, cache)
  return cache
}
