/** A message of a file on its way into a mailbox: its body is written, or it is said why it cannot be taken. */
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import type { AppendedMessage } from '../append.ts'
import { type BodyWriter, createBodyWriter } from '../bodies.ts'
import { requireKeywords, uniqueKeywords } from '../flags.ts'
import { withCrlf } from './lines.ts'
import { type TransferMessage, UnreadableMessage } from './transfer-item.ts'

export type Staged = { message: AppendedMessage; writer: BodyWriter }

/** Writes the body. @returns why it cannot be taken, where it cannot. */
export async function stageMessage(
  platform: Platform,
  item: TransferMessage,
): Promise<Staged | { reason: string }> {
  const writer = createBodyWriter(platform)
  const keywords = uniqueKeywords(item.keywords)
  const reason = (await reasonAgainstContent(platform, item, writer)) ?? reasonAgainst(keywords)
  if (reason !== null) {
    await writer.discard()
    return { reason }
  }
  const body = await writer.finish()
  const internalDate = item.internalDate ?? platform.clock.now()
  return { message: { body, flags: item.flags, keywords, internalDate }, writer }
}

/** Writes the content. @returns why it cannot be taken, or null. */
async function reasonAgainstContent(
  platform: Platform,
  item: TransferMessage,
  writer: BodyWriter,
): Promise<string | null> {
  const { messageBytesMax } = platform.config
  const tooLarge = `it is larger than ${messageBytesMax} bytes`
  if ((item.place?.sizeBytes ?? 0) > messageBytesMax) return tooLarge
  let reason: string | null = null
  try {
    for await (const piece of withCrlf(item.content)) {
      if (reason !== null) continue // to the end, so that the next message begins where it should
      if (piece.includes(0)) reason = 'it has NUL octets'
      else if (writer.sizeBytes + piece.length > messageBytesMax) reason = tooLarge
      else await writer.write(piece)
    }
  } catch (error) {
    if (!(error instanceof UnreadableMessage)) throw error
    return error.message
  }
  return reason ?? (writer.sizeBytes === 0 ? 'it is empty' : null)
}

function reasonAgainst(keywords: readonly string[]): string | null {
  try {
    requireKeywords(keywords)
    return null
  } catch (error) {
    if (error instanceof Refusal) return error.detail
    throw error
  }
}
