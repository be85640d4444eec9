/**
 * The spool: a message is held while it is judged, before anything of it is stored. Small ones stay in memory; a larger
 * one goes to a file of this node's own, so that memory stays flat whatever is sent.
 */
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { SpooledMessage } from './arrival.ts'
import { createLineEnds } from './line-ends.ts'

/** Bytes of a header that are looked at. */
export const headerBytesMax = 256 * 1024

/** Bytes of a message that are held in memory; of a larger one all go to a file. */
const memoryBytesMax = 1024 * 1024
const readBytes = 256 * 1024

export type SpoolOptions = {
  /** Past it the rest is read and nothing kept, so that the connection stays in step. */
  bytesMax: number
  /** What becomes of bare CR and LF; see line-ends.ts. */
  lineEnds: 'keep' | 'normalize'
}

export type Spooled = SpooledMessage & {
  /** Whether a CR or an LF stood alone in what was sent. */
  hasBareLineEnds: boolean
}

/** Reads a message whole. @throws what the source throws; nothing is left of the message then. */
export async function spoolMessage(
  platform: Platform,
  source: AsyncIterable<Buffer>,
  { bytesMax, lineEnds: mode }: SpoolOptions,
): Promise<Spooled | 'too-big'> {
  const lineEnds = createLineEnds(mode)
  const holder = createHolder(() => prepareSpool(platform))
  try {
    for await (const piece of source) {
      const kept = lineEnds.write(piece)
      if (holder.sizeBytes + kept.length > bytesMax) await holder.drop()
      else await holder.write(kept)
    }
    await holder.write(lineEnds.end())
  } catch (error) {
    await holder.drop()
    throw error
  }
  const spooled = await holder.finish()
  return spooled === null ? 'too-big' : { ...spooled, hasBareLineEnds: lineEnds.hasBare }
}

const directories = new WeakMap<Platform, Promise<string>>()

/** Empties the spool directory of what a process that died left there; called at start. @returns the directory. */
export function prepareSpool(platform: Platform): Promise<string> {
  const known = directories.get(platform)
  if (known) return known
  const made = emptyDirectory(join(platform.config.dataDir, 'spool'))
  directories.set(platform, made)
  return made
}

async function emptyDirectory(path: string): Promise<string> {
  await rm(path, { recursive: true, force: true })
  await mkdir(path, { recursive: true, mode: 0o700 })
  return path
}

/** A message that is in memory anyway. */
export function spooledBytes(raw: Buffer): SpooledMessage {
  return {
    sizeBytes: raw.length,
    header: headerOf(raw),
    async *read(start = 0, end = raw.length) {
      yield raw.subarray(start, end)
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** A header that is empty is its blank line alone (RFC 5322 §2.1). */
function headerOf(beginning: Buffer): Buffer {
  if (beginning[0] === 0x0d && beginning[1] === 0x0a) return beginning.subarray(0, 2)
  const end = beginning.indexOf('\r\n\r\n')
  return beginning.subarray(0, Math.min(headerBytesMax, end < 0 ? beginning.length : end + 4))
}

type Holder = {
  readonly sizeBytes: number
  write(bytes: Buffer): Promise<void>
  /** Forgets everything, for good: what is written later is not kept. */
  drop(): Promise<void>
  /** @returns null when it was dropped. */
  finish(): Promise<SpooledMessage | null>
}

function createHolder(directory: () => Promise<string>): Holder {
  let pieces: Buffer[] = []
  let sizeBytes = 0
  let file: SpoolFile | null = null
  let isDropped = false
  let head = Buffer.alloc(0)

  const moveToFile = async (): Promise<void> => {
    file = await createFile(await directory())
    const held = Buffer.concat(pieces)
    pieces = []
    head = Buffer.from(held.subarray(0, headerBytesMax)) // a copy, so that the rest can go
    await file.write(held)
  }

  return {
    get sizeBytes() {
      return sizeBytes
    },
    async write(bytes) {
      if (isDropped || bytes.length === 0) return
      sizeBytes += bytes.length
      if (file) return await file.write(bytes)
      pieces.push(bytes)
      if (sizeBytes > memoryBytesMax) await moveToFile()
    },
    async drop() {
      isDropped = true
      pieces = []
      await file?.remove()
      file = null
    },
    async finish() {
      if (isDropped) return null
      return file === null ? spooledBytes(Buffer.concat(pieces)) : file.message(headerOf(head))
    },
  }
}

type SpoolFile = {
  write(bytes: Buffer): Promise<void>
  message(header: Buffer): SpooledMessage
  remove(): Promise<void>
}

async function createFile(directory: string): Promise<SpoolFile> {
  const path = join(directory, newId())
  const handle = await open(path, 'wx+', 0o600)
  let sizeBytes = 0
  let isGone = false
  const remove = async (): Promise<void> => {
    if (isGone) return
    isGone = true
    await handle.close()
    await rm(path, { force: true })
  }
  return {
    async write(bytes) {
      await writeWhole(handle, bytes)
      sizeBytes += bytes.length
    },
    message: (header) => ({
      sizeBytes,
      header,
      read: (start = 0, end = sizeBytes) => readRange(handle, start, Math.min(end, sizeBytes)),
      [Symbol.asyncDispose]: remove,
    }),
    remove,
  }
}

async function writeWhole(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at)
    at += bytesWritten
  }
}

async function* readRange(handle: FileHandle, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.allocUnsafeSlow(Math.min(readBytes, end - at)),
      position: at,
    })
    if (bytesRead === 0) throw new Error('a spool file is shorter than what was written to it')
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
