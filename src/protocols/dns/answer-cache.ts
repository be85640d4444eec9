/** Answers in wire form by question, for as long as the zones that they came from say the same. */
import type { Version } from '../../domains/zones/found-zone.ts'
import { dnsLimits } from './limits.ts'
import { headerBytes, type Question } from './query.ts'
import { lowerCased } from './response.ts'

export type CachedAnswer = {
  /** Without id and OPT record, the name of the question in lower case. */
  bytes: Buffer
  rcode: number
  /** Whether it says that something is not there. */
  isNegative: boolean
}

export type AnswerCache = {
  /** @param variant of answers to the same question. */
  get(key: string, variant: number, topology: number): CachedAnswer | null
  set(key: string, variant: number, answer: CachedAnswer, version: Version, topology: number): void
}

type Entry = CachedAnswer & { version: Version; topology: number }

/** Two generations: what is used moves into the younger one; when that is full the older one goes. */
export function createAnswerCache(
  variants: number,
  entriesMax: number = dnsLimits.cachedAnswersMax,
): AnswerCache {
  const newMaps = (): Map<string, Entry>[] => Array.from({ length: variants }, () => new Map())
  let young = newMaps()
  let old = newMaps()
  let count = 0
  const keep = createKeeper()

  const put = (key: string, variant: number, entry: Entry): void => {
    if (count >= entriesMax / 2) {
      old = young
      young = newMaps()
      count = 0
    }
    const map = young[variant]
    if (map === undefined) return
    const before = map.size
    map.set(key, entry)
    count += map.size - before
  }
  return {
    get(key, variant, topology) {
      let entry = young[variant]?.get(key)
      if (entry === undefined) {
        entry = old[variant]?.get(key)
        if (entry === undefined) return null
        old[variant]?.delete(key)
        if (isCurrent(entry, topology)) put(key, variant, entry)
      }
      return isCurrent(entry, topology) ? entry : null
    },
    set(key, variant, answer, version, topology) {
      put(key, variant, { ...answer, bytes: keep(answer.bytes), version, topology })
    },
  }
}

const slabBytes = 64 * 1024

/**
 * Copies what stays into blocks that hold nothing else. In the blocks that all buffers come from, each answer that is
 * kept would hold on to those beside it that are long gone.
 */
function createKeeper(): (bytes: Buffer) => Buffer {
  let slab = Buffer.allocUnsafeSlow(slabBytes)
  let used = 0
  return (bytes) => {
    if (bytes.length > slabBytes) return bytes
    if (used + bytes.length > slabBytes) {
      slab = Buffer.allocUnsafeSlow(slabBytes)
      used = 0
    }
    const kept = slab.subarray(used, used + bytes.length)
    used += bytes.copy(kept)
    return kept
  }
}

function isCurrent({ version, topology }: Entry, now: number): boolean {
  return version.isCurrent && topology === now
}

/** Name, in lower case, and type: binary, as in the message. */
export function keyOfQuestion(bytes: Buffer, question: Question): string {
  const { nameEnd, hasUpperCase } = question
  if (!hasUpperCase) return bytes.toString('latin1', headerBytes, nameEnd + 2)
  return lowerQuestion(bytes, question).toString('latin1', 0, nameEnd + 2 - headerBytes)
}

/** The question with its name in lower case. */
export function lowerQuestion(bytes: Buffer, { nameEnd, end, hasUpperCase }: Question): Buffer {
  if (!hasUpperCase) return bytes.subarray(headerBytes, end)
  return Buffer.concat([lowerCased(bytes.subarray(headerBytes, nameEnd)), bytes.subarray(nameEnd, end)])
}
