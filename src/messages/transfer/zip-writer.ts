/**
 * Writes ZIP archives (APPNOTE.TXT 6.3.10) of any number of entries: the list at the end, which other writers keep in
 * memory, waits in a file of its own, so that memory is flat at a million entries. ZIP64 where numbers need it.
 */
import { createReadStream, type WriteStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { crc32, createDeflateRaw } from 'node:zlib'

export type ZipEntry = {
  /** With `/` between levels; a directory ends in one. */
  name: string
  at: Date
  /** A line that belongs to the entry. */
  comment: string
  content: AsyncIterable<Buffer> | null
}

export type ZipWriter = {
  /** @returns the bytes of the content. */
  add(entry: ZipEntry): Promise<number>
  finish(): Promise<void>
  /** Ends without a usable archive, and removes it. */
  abandon(): Promise<void>
}

const uint32Max = 0xffff_ffff
const uint16Max = 0xffff
// Bit 3: sizes follow the data; bit 11: names are UTF-8.
const generalFlags = 0x0808
const deflated = 8
const versionZip64 = 45

/** @param file a new one: @throws EEXIST when it is there. */
export async function createZipWriter(file: string): Promise<ZipWriter> {
  const archive = await create(file)
  const listFile = `${file}.list`
  const list = await create(listFile)
  let offset = 0
  let entries = 0
  let listBytes = 0

  const put = async (bytes: Buffer): Promise<void> => {
    await write(archive, bytes)
    offset += bytes.length
  }
  return {
    async add(entry) {
      const start = offset
      await put(localHeader(entry))
      const sums = await writeContent(entry.content, put)
      await put(dataDescriptor(sums))
      const line = listedEntry(entry, sums, start)
      await write(list, line)
      listBytes += line.length
      entries += 1
      return sums.size
    },
    async finish() {
      await close(list)
      const listStart = offset
      for await (const piece of createReadStream(listFile)) await put(piece)
      await put(endOfArchive(entries, listBytes, listStart))
      await close(archive)
      await rm(listFile)
    },
    async abandon() {
      archive.destroy()
      list.destroy()
      await rm(listFile, { force: true })
      await rm(file, { force: true })
    },
  }
}

async function create(file: string): Promise<WriteStream> {
  const stream = (await open(file, 'wx')).createWriteStream()
  stream.on('error', () => undefined) // told by the write that meets it
  return stream
}

async function write(stream: WriteStream, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

async function close(stream: WriteStream): Promise<void> {
  stream.end()
  await finished(stream)
}

type Sums = { crc: number; size: number; packed: number }

async function writeContent(
  content: ZipEntry['content'],
  put: (bytes: Buffer) => Promise<void>,
): Promise<Sums> {
  const sums: Sums = { crc: 0, size: 0, packed: 0 }
  if (content === null) {
    await put(Buffer.of(3, 0)) // nothing, deflated
    return { ...sums, packed: 2 }
  }
  const deflate = createDeflateRaw()
  const writing = (async () => {
    for await (const piece of content) {
      sums.crc = crc32(piece, sums.crc)
      sums.size += piece.length
      if (!deflate.write(piece)) await new Promise((resolve) => deflate.once('drain', resolve))
    }
    deflate.end()
  })()
  writing.catch((error: Error) => deflate.destroy(error))
  for await (const packed of deflate) {
    sums.packed += packed.length
    await put(packed)
  }
  await writing
  return sums
}

/** MS-DOS date and time: two seconds exact, and nothing before 1980. */
function dosTime(at: Date): { time: number; date: number } {
  const year = Math.min(2107, Math.max(1980, at.getUTCFullYear()))
  return {
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
    date: ((year - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
  }
}

function localHeader({ name, at }: ZipEntry): Buffer {
  const nameBytes = Buffer.from(name)
  const header = Buffer.alloc(30)
  const { time, date } = dosTime(at)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(versionZip64, 4)
  header.writeUInt16LE(generalFlags, 6)
  header.writeUInt16LE(deflated, 8)
  header.writeUInt16LE(time, 10)
  header.writeUInt16LE(date, 12)
  header.writeUInt16LE(nameBytes.length, 26) // sums are 0: they follow the data
  return Buffer.concat([header, nameBytes])
}

/** A message has less than 4 GiB, so that the sizes are of 32 bits. */
function dataDescriptor({ crc, size, packed }: Sums): Buffer {
  const descriptor = Buffer.alloc(16)
  descriptor.writeUInt32LE(0x08074b50, 0)
  descriptor.writeUInt32LE(crc, 4)
  descriptor.writeUInt32LE(packed, 8)
  descriptor.writeUInt32LE(size, 12)
  return descriptor
}

function listedEntry({ name, at, comment }: ZipEntry, { crc, size, packed }: Sums, start: number): Buffer {
  const nameBytes = Buffer.from(name)
  const commentBytes = Buffer.from(comment)
  const extra = start < uint32Max ? Buffer.alloc(0) : Buffer.alloc(12)
  if (extra.length > 0) {
    extra.writeUInt16LE(1, 0)
    extra.writeUInt16LE(8, 2)
    extra.writeBigUInt64LE(BigInt(start), 4)
  }
  const header = Buffer.alloc(46)
  const { time, date } = dosTime(at)
  header.writeUInt32LE(0x02014b50, 0)
  header.writeUInt16LE(versionZip64, 4)
  header.writeUInt16LE(versionZip64, 6)
  header.writeUInt16LE(generalFlags, 8)
  header.writeUInt16LE(deflated, 10)
  header.writeUInt16LE(time, 12)
  header.writeUInt16LE(date, 14)
  header.writeUInt32LE(crc, 16)
  header.writeUInt32LE(packed, 20)
  header.writeUInt32LE(size, 24)
  header.writeUInt16LE(nameBytes.length, 28)
  header.writeUInt16LE(extra.length, 30)
  header.writeUInt16LE(commentBytes.length, 32)
  header.writeUInt32LE(Math.min(start, uint32Max), 42)
  return Buffer.concat([header, nameBytes, extra, commentBytes])
}

function endOfArchive(entries: number, listBytes: number, listStart: number): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(Math.min(entries, uint16Max), 8)
  end.writeUInt16LE(Math.min(entries, uint16Max), 10)
  end.writeUInt32LE(Math.min(listBytes, uint32Max), 12)
  end.writeUInt32LE(Math.min(listStart, uint32Max), 16)
  if (entries < uint16Max && listStart < uint32Max && listBytes < uint32Max) return end
  const end64 = Buffer.alloc(56)
  end64.writeUInt32LE(0x06064b50, 0)
  end64.writeBigUInt64LE(44n, 4)
  end64.writeUInt16LE(versionZip64, 12)
  end64.writeUInt16LE(versionZip64, 14)
  end64.writeBigUInt64LE(BigInt(entries), 24)
  end64.writeBigUInt64LE(BigInt(entries), 32)
  end64.writeBigUInt64LE(BigInt(listBytes), 40)
  end64.writeBigUInt64LE(BigInt(listStart), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50, 0)
  locator.writeBigUInt64LE(BigInt(listStart + listBytes), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([end64, locator, end])
}
