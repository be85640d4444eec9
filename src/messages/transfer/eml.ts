/** A single message file (.eml): its octets and the file's date. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { TransferItem } from './transfer-item.ts'

export async function* readEml(file: string, folder: string): AsyncGenerator<TransferItem, void> {
  const { mtime } = await stat(file)
  const content: AsyncIterable<Buffer> = createReadStream(file)
  yield { kind: 'message', folder, flags: 0, keywords: [], internalDate: mtime, content }
}
