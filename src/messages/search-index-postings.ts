/**
 * Postings: which documents of a segment have a gram. They are written in blocks of about a kilobyte, each with
 * the postings of some grams in rising order. An entry is: how far its gram lies behind the one before, the length of
 * what follows, and the documents, as a bitmap or as distances from one to the next, whichever is shorter. All numbers
 * are in groups of seven bits, the lowest first.
 */
import { forEachGram, type GramRange } from './search-index-grams.ts'

/** Documents of a segment are numbered from 0; these numbers have 16 bits. */
export const documentNumbersMax = 2 ** 16

export type GramBlock = { firstGram: number; postings: Buffer }

export type PostingsBuilder = {
  /** Takes the next document; numbers rise. */
  add(document: number, text: string): void
  /** The blocks in rising order. A caller may let the event loop go between two of them. */
  finish(): Generator<GramBlock, void>
}

const blockBytes = 1024

/** `end` of a document's grams among those of all documents; they start where those of the one before end. */
type DocumentGrams = { number: number; end: number }

/** @param units of the grams. */
export function createPostingsBuilder(units: 3 | 4): PostingsBuilder {
  const grams = createGramTable()
  /** The entries of `grams` that each document has, one document after the other. */
  let found = new Uint32Array(4096)
  let foundCount = 0
  const documents: DocumentGrams[] = []
  return {
    add(document, text) {
      const mark = documents.length + 1
      forEachGram(text, units, (gram) => {
        const entry = grams.enter(gram, mark)
        if (entry === -1) return
        if (foundCount === found.length) found = grown(found)
        found[foundCount++] = entry
      })
      documents.push({ number: document, end: foundCount })
    },
    finish: () => writeBlocks(grams, found, documents),
  }
}

type GramTable = {
  /** The gram's entry, counted from 0, or -1 if this document has entered it before. Marks count from 1. */
  enter(gram: number, mark: number): number
  count(): number
  /** All grams in rising order, each with its entry. */
  sorted(): { grams: Int32Array; entryOf: (gram: number) => number }
}

/** Words of a slot: the gram, its entry plus 1 (0: the slot is free), the last mark, and one that fills a cache line. */
const slotWords = 4

/** An open hash table: a Map of numbers costs several times as much. */
function createGramTable(): GramTable {
  let slots = new Uint32Array(slotWords * 2 ** 14)
  let count = 0

  const slotOf = (gram: number): number => {
    const mask = slots.length / slotWords - 1
    const mixed = Math.imul(gram, 0x9e3779b1)
    let slot = (mixed ^ (mixed >>> 15)) & mask
    while (slots[slot * slotWords + 1] !== 0 && slots[slot * slotWords] !== gram >>> 0)
      slot = (slot + 1) & mask
    return slot * slotWords
  }
  const grow = (): void => {
    const before = slots
    slots = new Uint32Array(before.length * 2)
    for (let at = 0; at < before.length; at += slotWords) {
      if (before[at + 1] !== 0) slots.set(before.subarray(at, at + slotWords), slotOf(before[at] ?? 0))
    }
  }
  return {
    enter(gram, mark) {
      const at = slotOf(gram)
      const taken = slots[at + 1] ?? 0
      if (taken === 0) {
        slots[at] = gram
        slots[at + 1] = ++count
        slots[at + 2] = mark
        if (count * slotWords * 2 >= slots.length) grow()
        return count - 1
      }
      if (slots[at + 2] === mark) return -1
      slots[at + 2] = mark
      return taken - 1
    },
    count: () => count,
    sorted() {
      const grams = new Int32Array(count)
      let next = 0
      for (let at = 0; at < slots.length; at += slotWords)
        if (slots[at + 1] !== 0) grams[next++] = slots[at] ?? 0
      return { grams: grams.sort(), entryOf: (gram) => (slots[slotOf(gram) + 1] ?? 0) - 1 }
    },
  }
}

function grown(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2)
  larger.set(array)
  return larger
}

function* writeBlocks(
  table: GramTable,
  found: Uint32Array,
  documents: readonly DocumentGrams[],
): Generator<GramBlock, void> {
  const { postings, starts } = byGram(table.count(), found, documents)
  const { grams, entryOf } = table.sorted()
  const block = createByteWriter()
  const encoded = createByteWriter()
  let firstGram = 0
  let lastGram = 0
  for (const gram of grams) {
    const entry = entryOf(gram)
    encoded.clear()
    encodeDocuments(encoded, postings, starts[entry] ?? 0, starts[entry + 1] ?? 0)
    if (block.length() > 0 && block.length() + encoded.length() > blockBytes) {
      yield { firstGram, postings: block.take() }
    }
    if (block.length() === 0) {
      firstGram = gram
      lastGram = gram
    }
    block.number(gram - lastGram)
    block.number(encoded.length())
    block.append(encoded)
    lastGram = gram
  }
  if (block.length() > 0) yield { firstGram, postings: block.take() }
}

/** Turns the grams of each document into the documents of each gram. */
function byGram(
  gramCount: number,
  found: Uint32Array,
  documents: readonly DocumentGrams[],
): { postings: Uint16Array; starts: Uint32Array } {
  const starts = new Uint32Array(gramCount + 1)
  const foundCount = documents.at(-1)?.end ?? 0
  for (let at = 0; at < foundCount; at++) {
    const next = (found[at] ?? 0) + 1
    starts[next] = (starts[next] ?? 0) + 1
  }
  for (let entry = 1; entry <= gramCount; entry++) {
    starts[entry] = (starts[entry] ?? 0) + (starts[entry - 1] ?? 0)
  }
  const postings = new Uint16Array(foundCount)
  const next = starts.slice()
  let at = 0
  for (const { number, end } of documents) {
    for (; at < end; at++) {
      const entry = found[at] ?? 0
      const place = next[entry] ?? 0
      postings[place] = number
      next[entry] = place + 1
    }
  }
  return { postings, starts }
}

const listMark = 0
const bitmapMark = 1

/** The documents of one gram: those of `postings` from `start` to `end`. */
function encodeDocuments(to: ByteWriter, postings: Uint16Array, start: number, end: number): void {
  const bitmapBytes = ((postings[end - 1] ?? 0) >>> 3) + 1
  if (end - start >= bitmapBytes) {
    to.number(bitmapMark)
    const bitmap = to.zeros(bitmapBytes)
    for (let at = start; at < end; at++) {
      const document = postings[at] ?? 0
      bitmap[document >>> 3] = (bitmap[document >>> 3] ?? 0) | (1 << (document & 7))
    }
    return
  }
  to.number(listMark)
  let before = 0
  for (let at = start; at < end; at++) {
    const document = postings[at] ?? 0
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

/**
 * Sets the bits of all documents that have a gram of the range, as far as this block knows.
 * @param bits as many words as the segment needs; documents beyond them are left out.
 */
export function readPostings(block: GramBlock, range: GramRange, bits: Uint32Array): void {
  const { postings } = block
  const reader = { at: 0 }
  let gram = block.firstGram
  while (reader.at < postings.length) {
    gram += readNumber(postings, reader)
    const length = readNumber(postings, reader)
    const end = reader.at + length
    if (gram > range.last) return
    if (gram >= range.first) readDocuments(postings, reader.at, end, bits)
    reader.at = end
  }
}

function readDocuments(bytes: Buffer, from: number, to: number, bits: Uint32Array): void {
  const reader = { at: from }
  if (readNumber(bytes, reader) === bitmapMark) {
    for (let at = reader.at, byte = 0; at < to; at++, byte++) {
      const word = byte >>> 2
      if (word < bits.length) bits[word] = (bits[word] ?? 0) | ((bytes[at] ?? 0) << ((byte & 3) * 8))
    }
    return
  }
  let document = 0
  while (reader.at < to) {
    document += readNumber(bytes, reader)
    const word = document >>> 5
    if (word < bits.length) bits[word] = (bits[word] ?? 0) | (1 << (document & 31))
  }
}

function readNumber(bytes: Buffer, reader: { at: number }): number {
  let value = 0
  for (let scale = 1; ; scale *= 0x80) {
    const byte = bytes[reader.at++] ?? 0
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
  }
}
