/**
 * Messages that were opened or stored a short while ago, remembered by this process: the part of a row that never
 * changes, and the body as it is stored, compressed. A message's UID never means another one (RFC 9051 §2.3.1.1), so
 * nothing of this can be wrong; whether a message is still there, and with which flags, light-folders.ts knows.
 */
import type { Platform } from '../platform/platform.ts'
import { chunkBytes } from './bodies.ts'
import { type BodyReader, readerOf } from './bodies-read.ts'
import type { LightMessage } from './light-messages.ts'
import type { MessageRow } from './view.ts'

/** `thread_id` may be of some time ago: threads are merged. */
export type RememberedMessage = Pick<
  MessageRow,
  'id' | 'internal_date' | 'size_bytes' | 'body_id' | 'thread_id' | 'saved_at'
> & { frame: Buffer }

const totalBytesMax = 32 * 1024 ** 2
/** What an entry takes besides its frame. */
const entryBytes = 512

type Memory = { messages: Map<string, RememberedMessage>; sizeBytes: number }

const memories = new WeakMap<Platform, Memory>()

/** Keeps a message whose body is a single frame; the one used longest ago goes first. */
export function keepBody(
  platform: Platform,
  folderId: string,
  uid: number,
  message: RememberedMessage,
): void {
  if (message.size_bytes > chunkBytes) return
  const memory = memories.get(platform) ?? { messages: new Map(), sizeBytes: 0 }
  memories.set(platform, memory)
  const { id, internal_date, size_bytes, body_id, thread_id, saved_at } = message
  const frame = Buffer.allocUnsafeSlow(message.frame.length) // what comes may be a piece of something larger
  message.frame.copy(frame)
  forget(memory, keyOf(folderId, uid))
  memory.messages.set(keyOf(folderId, uid), {
    id,
    internal_date,
    size_bytes,
    body_id,
    thread_id,
    saved_at,
    frame,
  })
  memory.sizeBytes += frame.length + entryBytes
  for (const oldest of memory.messages.keys()) {
    if (memory.sizeBytes <= totalBytesMax) return
    forget(memory, oldest)
  }
}

/** @param light the message as it is now. @returns null when it is not remembered. */
export function rememberedMessage(
  platform: Platform,
  folderId: string,
  light: LightMessage,
): { row: MessageRow; body: BodyReader } | null {
  const messages = memories.get(platform)?.messages
  const key = keyOf(folderId, light.uid)
  const kept = messages?.get(key)
  if (messages === undefined || kept === undefined) return null
  messages.delete(key)
  messages.set(key, kept) // a Map iterates in order of insertion: last used goes last
  const { frame, ...constant } = kept
  const { uid, modseq, flags, keywords } = light
  const row = { ...constant, uid, modseq, flags, keywords: [...keywords], envelope: null, structure: null }
  return { row, body: readerOf(platform.db, { id: row.body_id, size_bytes: row.size_bytes, frame }) }
}

/** Messages that are gone. */
export function forgetBodies(platform: Platform, folderId: string, uids: Iterable<number>): void {
  const memory = memories.get(platform)
  if (memory === undefined) return
  for (const uid of uids) forget(memory, keyOf(folderId, uid))
}

function keyOf(folderId: string, uid: number): string {
  return `${folderId} ${uid}`
}

function forget(memory: Memory, key: string): void {
  const kept = memory.messages.get(key)
  if (kept === undefined) return
  memory.sizeBytes -= kept.frame.length + entryBytes
  memory.messages.delete(key)
}
