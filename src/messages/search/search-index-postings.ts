/** Postings: which documents of a segment have which grams, collected document by document. */
import { createBlockWriter, type GramBlock } from './search-index-blocks.ts'
import { forEachGram, type GramUnits } from './search-index-grams.ts'

export type PostingsBuilder = {
  /** Takes the next document; numbers rise. */
  add(document: number, text: string): void
  /** The blocks in rising order, and null in between: the event loop may be let go wherever something comes. */
  finish(): Generator<GramBlock | null, void>
}

/** `end` of a document's grams among those of all documents; they start where those of the one before end. */
type DocumentGrams = { number: number; end: number }

/** @param units of the grams. */
export function createPostingsBuilder(units: GramUnits): PostingsBuilder {
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
): Generator<GramBlock | null, void> {
  const { postings, starts } = yield* byGram(table.count(), found, documents)
  yield null
  const { grams, entryOf } = table.sorted()
  yield null
  const writer = createBlockWriter()
  for (const gram of grams) {
    const entry = entryOf(gram)
    const full = writer.add(gram, postings.subarray(starts[entry], starts[entry + 1]))
    if (full !== null) yield full
  }
  yield writer.end()
}

type Postings = { postings: Uint16Array /** By entry. */; starts: Uint32Array }

/** Turns the grams of each document into the documents of each gram. */
function* byGram(
  gramCount: number,
  found: Uint32Array,
  documents: readonly DocumentGrams[],
): Generator<null, Postings> {
  const starts = new Uint32Array(gramCount + 1)
  let at = 0
  for (const { end } of documents) {
    for (; at < end; at++) {
      const next = (found[at] ?? 0) + 1
      starts[next] = (starts[next] ?? 0) + 1
    }
    yield null
  }
  for (let entry = 1; entry <= gramCount; entry++) {
    starts[entry] = (starts[entry] ?? 0) + (starts[entry - 1] ?? 0)
  }
  const postings = new Uint16Array(at)
  const next = starts.slice()
  at = 0
  for (const { number, end } of documents) {
    for (; at < end; at++) {
      const entry = found[at] ?? 0
      const place = next[entry] ?? 0
      postings[place] = number
      next[entry] = place + 1
    }
    yield null
  }
  return { postings, starts }
}
