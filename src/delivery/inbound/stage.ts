/** From a spooled message to a body that can be stored: our fields in front, others' false ones taken out. */
import { createBodyWriter, type StagedBody } from '../../messages/bodies.ts'
import type { HeaderField } from '../../messages/mime/header-fields.ts'
import type { Platform } from '../../platform/platform.ts'
import type { SpooledMessage } from './arrival.ts'
import { keptRanges } from './header-edits.ts'

export type Staging = {
  message: SpooledMessage
  fields: readonly HeaderField[]
  /** Fields to put in front, each with its CRLF. */
  leading: string
  isRemoved: (field: HeaderField) => boolean
}

/** @throws when the database cannot take the chunks of a large body; nothing is left then. */
export async function stageMessage(
  platform: Platform,
  { message, fields, leading, isRemoved }: Staging,
): Promise<StagedBody> {
  const writer = createBodyWriter(platform)
  try {
    await writer.write(Buffer.from(leading))
    const { header } = message
    const removes = fields.some(isRemoved)
    for (const { start, end } of removes ? keptRanges(header, fields, isRemoved) : []) {
      await writer.write(header.subarray(start, end))
    }
    for await (const piece of message.read(removes ? header.length : 0)) await writer.write(piece)
    return await writer.finish()
  } catch (error) {
    await writer.discard().catch(() => undefined) // the sweep takes what stays
    throw error
  }
}
