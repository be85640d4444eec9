/** Puts messages together from what has been streamed and from the URLs of CATENATE between it. */
import type { Reply } from '../reply.ts'
import type { AppendMessage } from '../syntax/commands.ts'
import { addUrl } from './catenate.ts'
import { finishMessage, openMessage, partsOf, type Upload } from './upload.ts'

/**
 * Adds the URLs that come next and finishes messages, up to the announced literal or, when there is none, to the end.
 * @param announced the last part of the last message is a literal that is still to come.
 * @returns why it cannot go on.
 */
export async function advance(
  upload: Upload,
  messages: readonly AppendMessage[],
  announced: boolean,
): Promise<Reply | null> {
  for (const [index, { data }] of messages.entries()) {
    if (index < upload.staged.length) continue
    const message = openMessage(upload)
    const parts = partsOf(data)
    const isLiteralNext = announced && index === messages.length - 1
    for (const part of parts.slice(message.partsDone, isLiteralNext ? -1 : parts.length)) {
      if (part.kind === 'text') throw new Error('a literal of a message was not streamed')
      const refusal = await addUrl(upload, part.url, messages.length)
      if (refusal !== null) return refusal
      message.partsDone += 1
    }
    if (isLiteralNext) return null
    const refusal = await finishMessage(upload, message)
    if (refusal !== null) return refusal
  }
  return null
}
