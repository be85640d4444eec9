/** What can be said against a message before its octets come (RFC 9051 §6.3.12, RFC 7889): they are not sent then. */
import { requireKeywords } from '../../../messages/flags.ts'
import { requireRoom } from '../../../messages/quotas.ts'
import { Refusal } from '../../../platform/errors.ts'
import type { Platform } from '../../../platform/platform.ts'
import { imapLimits } from '../limits.ts'
import { bad, no, type Reply, refusalReply } from '../reply.ts'
import { nameEncodingOf } from '../session.ts'
import type { AppendMessage, UploadCommand } from '../syntax/commands.ts'
import type { LiteralAnnounced } from '../syntax/framing.ts'
import { partsOf, stagedBytes, type Upload } from './upload.ts'

/** Why the announced literal, which is the last part of the last message, cannot be taken; null when it can. */
export function judgeLiteral(
  upload: Upload,
  { sizeBytes }: LiteralAnnounced,
  messages: readonly AppendMessage[],
): Reply | null {
  const message = messages.at(-1)
  const part = message === undefined ? undefined : partsOf(message.data).at(-1)
  if (message === undefined || part?.kind !== 'text') return bad('Expected a message')
  // RFC 6855 §4.
  if (part.utf8 && nameEncodingOf(upload.session) !== 'utf-8') return bad('UTF8 is not enabled')
  // RFC 3502 §6.3.11: this is how a client gives MULTIAPPEND up.
  if (sizeBytes === 0 && message.data.kind === 'message') return no('CANNOT', 'A message cannot be empty')
  return judgeSize(upload, sizeBytes, messages.length) ?? judgeFlags(message)
}

/** Whether so many octets more fit into the message in hand, and into the command. */
export function judgeSize(upload: Upload, sizeBytes: number, messageCount: number): Reply | null {
  const messageBytes = (upload.open?.writer.sizeBytes ?? 0) + sizeBytes
  const tooBig = refuseTooBig(upload.session.platform, messageBytes)
  if (tooBig !== null) return tooBig
  const isFirst = upload.staged.length === 0
  const tooMuch = !isFirst && stagedBytes(upload) + messageBytes > imapLimits.appendBytesMax
  return tooMuch || messageCount > imapLimits.appendMessagesMax
    ? no('LIMIT', 'Too many messages in one APPEND')
    : null
}

/** RFC 7889 §4, RFC 4469 §4.2. */
function refuseTooBig({ config }: Platform, sizeBytes: number): Reply | null {
  const { messageBytesMax } = config
  return sizeBytes > messageBytesMax
    ? no('TOOBIG', `A message may have at most ${messageBytesMax} bytes`)
    : null
}

function judgeFlags({ flags }: AppendMessage): Reply | null {
  try {
    requireKeywords(flags.keywords)
    return null
  } catch (error) {
    if (error instanceof Refusal) return refusalReply(error)
    throw error
  }
}

/**
 * RFC 9208 §4.3.1. Only where the octets would wait for it; others are judged when they are stored, and so is REPLACE,
 * which makes room of its own.
 */
export async function judgeRoom(
  upload: Upload,
  { sizeBytes, synchronizing }: LiteralAnnounced,
  { name, messages }: UploadCommand,
): Promise<Reply | null> {
  if (!synchronizing || name === 'REPLACE') return null
  const { platform, state } = upload.session
  const bytes = stagedBytes(upload) + (upload.open?.writer.sizeBytes ?? 0) + sizeBytes
  return await refusalOf(() =>
    requireRoom(platform, platform.db, state.owner, { bytes, messages: messages.length }),
  )
}

async function refusalOf(work: () => Promise<void>): Promise<Reply | null> {
  try {
    await work()
    return null
  } catch (error) {
    if (error instanceof Refusal) return refusalReply(error)
    throw error
  }
}
