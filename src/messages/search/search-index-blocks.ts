/**
 * Blocks of postings: about a kilobyte each, with the documents of some grams in rising order. An entry is: how far its
 * gram lies behind the one before, the length of what follows, and the documents, as a bitmap or as distances from one
 * to the next, whichever is shorter. All numbers are in groups of seven bits, the lowest first.
 */
import type { GramRange } from './search-index-grams.ts'

/** Documents of a segment are numbered from 0; these numbers have 16 bits. */
export const documentNumbersMax = 2 ** 16

export type GramBlock = { firstGram: number; postings: Buffer }

export type BlockWriter = {
  /**
   * Takes the next gram with its documents, both rising.
   * @returns a block that is full without it, or null.
   */
  add(gram: number, documents: Uint16Array): GramBlock | null
  /** The last block; null when nothing is left. */
  end(): GramBlock | null
}

const blockBytes = 1024
const listMark = 0
const bitmapMark = 1

export function createBlockWriter(): BlockWriter {
  const block = createByteWriter()
  const encoded = createByteWriter()
  let firstGram = 0
  let lastGram = 0
  const take = (): GramBlock | null => (block.length() === 0 ? null : { firstGram, postings: block.take() })
  return {
    add(gram, documents) {
      encoded.clear()
      encodeDocuments(encoded, documents)
      const full = block.length() + encoded.length() > blockBytes ? take() : null
      if (block.length() === 0) {
        firstGram = gram
        lastGram = gram
      }
      block.number(gram - lastGram)
      block.number(encoded.length())
      block.append(encoded)
      lastGram = gram
      return full
    },
    end: take,
  }
}

function encodeDocuments(to: ByteWriter, documents: Uint16Array): void {
  const count = documents.length
  const bitmapBytes = ((documents[count - 1] ?? 0) >>> 3) + 1
  if (count >= bitmapBytes) {
    to.number(bitmapMark)
    const bitmap = to.zeros(bitmapBytes)
    for (let at = 0; at < count; at++) {
      const document = documents[at] ?? 0
      bitmap[document >>> 3] = (bitmap[document >>> 3] ?? 0) | (1 << (document & 7))
    }
    return
  }
  to.number(listMark)
  let before = 0
  for (let at = 0; at < count; at++) {
    const document = documents[at] ?? 0
    to.number(document - before)
    before = document
  }
}

type ByteWriter = {
  length(): number
  number(value: number): void
  append(other: ByteWriter): void
  /** So many zeros, to be changed before the next write. */
  zeros(count: number): Uint8Array
  /** What was written, valid until the next write. */
  view(): Buffer
  /** A copy of what was written; the writer is empty then. */
  take(): Buffer
  clear(): void
}

function createByteWriter(): ByteWriter {
  let buffer = Buffer.alloc(8 * blockBytes)
  let length = 0
  const reserve = (bytes: number): void => {
    if (length + bytes <= buffer.length) return
    const larger = Buffer.alloc(2 * (length + bytes))
    buffer.copy(larger)
    buffer = larger
  }
  return {
    length: () => length,
    number(value) {
      reserve(numberBytesMax)
      let rest = value // may have 32 bits, which is why it is not shifted
      for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) buffer[length++] = (rest % 0x80) | 0x80
      buffer[length++] = rest
    },
    append(other) {
      const bytes = other.view()
      reserve(bytes.length)
      buffer.set(bytes, length)
      length += bytes.length
    },
    zeros(count) {
      reserve(count)
      length += count
      return buffer.subarray(length - count, length).fill(0)
    },
    view: () => buffer.subarray(0, length),
    take() {
      const taken = Buffer.from(buffer.subarray(0, length))
      length = 0
      return taken
    },
    clear() {
      length = 0
    },
  }
}

const numberBytesMax = 5

/** Walks over the entries of a block. `gram` and the documents are those of the entry that `next` went to. */
export type BlockReader = {
  readonly gram: number
  /** Goes to the next entry. @returns false at the end. */
  next(): boolean
  /** Writes the documents, `offset` added to each, from `at` on. @returns where they end. */
  copyDocuments(to: Uint16Array, at: number, offset: number): number
  /** Sets the bits of the documents; those beyond the words are left out. */
  setBits(bits: Uint32Array): void
}

export function readBlock({ firstGram, postings }: GramBlock): BlockReader {
  let at = 0
  let gram = firstGram
  let start = 0
  let end = 0
  const number = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = postings[at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  const forEachDocument = (take: (document: number) => void): void => {
    at = start
    if (number() === listMark) {
      for (let document = 0; at < end; ) {
        document += number()
        take(document)
      }
    } else {
      for (let base = 0; at < end; base += 8) {
        const byte = postings[at++] ?? 0
        for (let bit = 0; byte >>> bit !== 0; bit++) if ((byte >>> bit) & 1) take(base + bit)
      }
    }
  }
  return {
    get gram() {
      return gram
    },
    next() {
      if (end >= postings.length) return false
      at = end
      gram += number()
      const length = number()
      start = at
      end = at + length
      return true
    },
    copyDocuments(to, from, offset) {
      let next = from
      forEachDocument((document) => {
        to[next++] = document + offset
      })
      return next
    },
    setBits(bits) {
      at = start
      if (number() === bitmapMark) {
        for (let byte = 0; at < end && byte >>> 2 < bits.length; at++, byte++) {
          const word = byte >>> 2
          bits[word] = (bits[word] ?? 0) | ((postings[at] ?? 0) << ((byte & 3) * 8))
        }
        return
      }
      forEachDocument((document) => {
        const word = document >>> 5
        if (word < bits.length) bits[word] = (bits[word] ?? 0) | (1 << (document & 31))
      })
    },
  }
}

/** Sets the bits of all documents that have a gram of the range, as far as this block knows. */
export function setBitsOfRange(block: GramBlock, range: GramRange, bits: Uint32Array): void {
  const reader = readBlock(block)
  while (reader.next() && reader.gram <= range.last) {
    if (reader.gram >= range.first) reader.setBits(bits)
  }
}
