/** The texts of messages for the payloads of webhooks: how each begins, and of some the whole. */
import { batchesOfBodies, readBodies } from '../../messages/bodies-read.ts'
import { withoutHiddenElements } from '../../messages/content/hidden-elements.ts'
import { readableText } from '../../messages/content/html-readable.ts'
import { contentOf } from '../../messages/content/read-content.ts'
import type { ManyMessage } from '../../messages/many-messages.ts'
import { makePreview } from '../../messages/previews.ts'
import type { Db } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'

export type MessageText = {
  /** Empty where it has no text. */
  snippet: string
  /** Null where it is not asked for, there is none, or it cannot be read. */
  text: string | null
}

/** By message. @param whole the ids of those whose text is asked for. */
export async function readTexts(
  { log }: Platform,
  db: Db,
  messages: readonly ManyMessage[],
  whole: ReadonlySet<string>,
): Promise<Map<string, MessageText>> {
  const texts = new Map<string, MessageText>()
  const wanting: { message: ManyMessage; size_bytes: number }[] = []
  for (const message of new Map(messages.map((one) => [one.id, one])).values()) {
    const { id, preview } = message
    texts.set(id, { snippet: preview ?? '', text: null })
    if (preview === null || whole.has(id)) wanting.push({ message, size_bytes: message.sizeBytes })
  }
  for (const batch of batchesOfBodies(wanting)) {
    const bodies = await readBodies(
      db,
      batch.map(({ message }) => message.bodyId),
    )
    for (const { message } of batch) {
      const { id, bodyId, structure, preview } = message
      const body = bodies.get(bodyId)
      if (body === undefined) continue
      try {
        const snippet = preview ?? (await makePreview(body, structure))
        texts.set(id, { snippet, text: whole.has(id) ? textOf(await contentOf(body, structure)) : null })
      } catch (cause) {
        // A text that cannot be read holds up nothing else.
        log.warn({ event: 'webhooks.text_unreadable', message_id: id, cause })
      }
    }
  }
  return texts
}

const htmlCharsMax = 512 * 1024

function textOf({ text, html }: { text: string | null; html: string | null }): string | null {
  if (text !== null) return text
  return html === null ? null : readableText(withoutHiddenElements(html.slice(0, htmlCharsMax)).html)
}
