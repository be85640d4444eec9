/** What an upload consists of, read piece by piece from the database: nothing of it lies in a file, nor whole in memory. */
import { Readable } from 'node:stream'
import { RandomAccessReader } from 'yauzl'
import type { Db } from '../../platform/database.ts'
import { flagBits } from '../flags.ts'
import { readEmlZipFrom } from '../transfer/eml-zip.ts'
import { readMboxPieces } from '../transfer/mbox-reader.ts'
import {
  TooMuch,
  type TransferItem,
  type TransferMessage,
  UnreadableMessage,
} from '../transfer/transfer-item.ts'
import type { ImportFormat } from './tables.ts'
import { chunkBytes, type ImportKey, readChunk } from './uploads.ts'

/** The upload is not what it was said to be, or is broken. */
export class UnreadableUpload extends Error {}

/** What an archive may become, for each byte of it: text becomes a tenth. */
const expansionMax = 100

/** A piece that the list of an archive needs, one that its contents need, and the ones before them. */
const chunksHeldMax = 4

export type StoredUpload = ImportKey & {
  format: ImportFormat
  folder: string
  preserve: boolean
  bytes: number
  /** Whether everything goes to `folder`, whatever the file says. */
  isFlat: boolean
  markAsRead: boolean
}

/**
 * The folders and messages of an upload, in the same order every time.
 * @param entriesMax of an archive.
 * @throws UnreadableUpload, TooMuch, or what the database throws.
 */
export async function* readUpload(
  db: Db,
  upload: StoredUpload,
  entriesMax: number,
): AsyncGenerator<TransferItem, void> {
  const chunks = createChunkReader(db, upload)
  let expandedBytes = 0
  try {
    const format = upload.format === 'auto' ? await formatOf(chunks, upload.bytes) : upload.format
    for await (const item of itemsOf(chunks, { ...upload, format }, entriesMax)) {
      if (item.kind === 'message') {
        expandedBytes += item.place?.sizeBytes ?? 0
        if (expandedBytes > upload.bytes * expansionMax) throw new UnreadableUpload('It expands to too much.')
        yield { ...marksOf(item, upload), content: readable(chunks, item.content) }
      } else if (!upload.isFlat) yield item
    }
  } catch (error) {
    if (chunks.failure !== null) throw chunks.failure.error
    if (error instanceof UnreadableUpload || error instanceof TooMuch) throw error
    throw new UnreadableUpload(messageOf(error), { cause: error })
  }
}

function itemsOf(
  chunks: ChunkReader,
  { format, folder, bytes }: StoredUpload,
  entriesMax: number,
): AsyncIterable<TransferItem> {
  if (format === 'mbox') return readMboxPieces(chunks.read(0, bytes), 'the upload', folder)
  if (format === 'zip') return readEmlZipFrom(new ChunkedArchive(chunks), bytes, folder, entriesMax)
  return single({
    kind: 'message',
    folder,
    flags: 0,
    keywords: [],
    internalDate: null,
    content: chunks.read(0, bytes),
    place: { offset: 0, sizeBytes: bytes },
  })
}

async function* single(item: TransferMessage): AsyncGenerator<TransferItem, void> {
  yield item
}

function marksOf(item: TransferMessage, upload: StoredUpload): TransferMessage {
  const { preserve, isFlat, markAsRead, folder } = upload
  const marked = preserve ? item : { ...item, flags: 0, keywords: [], internalDate: null }
  return {
    ...marked,
    ...(isFlat ? { folder } : {}),
    flags: marked.flags | (markAsRead ? flagBits.seen : 0),
  }
}

/** An archive and an mbox file say what they are; anything else is one message. */
async function formatOf(chunks: ChunkReader, bytes: number): Promise<ImportFormat> {
  const pieces: Buffer[] = []
  for await (const piece of chunks.read(0, Math.min(bytes, 5))) pieces.push(piece)
  const first = Buffer.concat(pieces).toString('latin1')
  if (first.startsWith('PK') && [3, 5].includes(first.charCodeAt(2))) return 'zip'
  return first === 'From ' ? 'mbox' : 'eml'
}

/** A message that is broken within an archive is left out; what the database throws ends the run. */
async function* readable(chunks: ChunkReader, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  try {
    yield* content
  } catch (error) {
    if (chunks.failure !== null) throw chunks.failure.error
    throw new UnreadableMessage(`it cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

type ChunkReader = {
  /** The bytes from `start` up to `end`. */
  read(start: number, end: number): AsyncGenerator<Buffer, void>
  /** What the database threw, which libraries between here and there may have taken for a broken file. */
  readonly failure: { error: unknown } | null
}

function createChunkReader(db: Db, key: ImportKey): ChunkReader {
  const held = new Map<number, Buffer>()
  let failure: { error: unknown } | null = null
  const chunkAt = async (number: number): Promise<Buffer> => {
    const known = held.get(number)
    if (known !== undefined) return known
    try {
      const chunk = await readChunk(db, key, number)
      if (chunk === null) throw new Error(`the import ${key.id} has no piece ${number}`)
      held.set(number, chunk)
      for (const oldest of held.keys()) if (held.size > chunksHeldMax) held.delete(oldest)
      return chunk
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  return {
    async *read(start, end) {
      for (let at = start; at < end; ) {
        const chunk = await chunkAt(Math.floor(at / chunkBytes))
        const from = at % chunkBytes
        const piece = chunk.subarray(from, from + end - at)
        if (piece.length === 0) throw new Error('it ends too early')
        yield piece
        at += piece.length
      }
    },
    get failure() {
      return failure
    },
  }
}

/** What yauzl reads an archive from. */
class ChunkedArchive extends RandomAccessReader {
  readonly #chunks: ChunkReader

  constructor(chunks: ChunkReader) {
    super()
    this.#chunks = chunks
  }

  override createReadStream({ start, end }: { start: number; end: number }): Readable {
    return Readable.from(this.#chunks.read(start, end), { objectMode: false })
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#fill(buffer.subarray(offset, offset + length), position).then(
      () => callback(null),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
    )
  }

  async #fill(target: Buffer, position: number): Promise<void> {
    let at = 0
    for await (const piece of this.#chunks.read(position, position + target.length))
      at += piece.copy(target, at)
  }
}
