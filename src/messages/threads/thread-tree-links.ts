/** Who replied to whom, by Message-ID: steps 1 to 3 of RFC 5256's REFERENCES. */
import type { Steps } from '../sort/sort-steps.ts'

export type Links = {
  /** The next message of the mailbox. */
  add(messageId: string | null, references: readonly string[], inReplyTo: readonly string[]): void
  /**
   * The parent of each message, by the order they were added: the place of another message; -1 for none; or a number
   * above every place for one that is not there, which then is the parent of at least two and has no parent itself.
   */
  parents(): Steps<Int32Array>
}

/** Of one message; parseMessageIds keeps no more. */
const referencesMax = 200
/** How much is done between two steps. */
const workPerStep = 1_000
const none = -1

/** Identifiers and messages share their numbers: an identifier that no message has is a dummy message. */
export function createLinks(): Links {
  const nodeOfId = new Map<string, number>()
  const placeOf: number[] = [] // of each node; none for a dummy
  const nodeOf: number[] = [] // of each message
  const references: Uint32Array[] = [] // of each message

  const newNode = (place: number): number => placeOf.push(place) - 1
  const nodeFor = (id: string): number => {
    const key = normalizeMessageId(id)
    const node = nodeOfId.get(key) ?? newNode(none)
    nodeOfId.set(key, node)
    return node
  }
  return {
    add(messageId, referenced, inReplyTo) {
      const place = nodeOf.length
      // Of several messages with one identifier the first has it.
      const own = messageId === null ? null : nodeFor(messageId)
      const node = own !== null && placeOf[own] === none ? own : newNode(place)
      placeOf[node] = place
      nodeOf.push(node)
      const ids = referenced.length > 0 ? referenced.slice(-referencesMax) : inReplyTo
      references.push(Uint32Array.from(ids, nodeFor))
    },
    *parents() {
      const parentOf = yield* link(nodeOf, references, placeOf.length)
      return yield* prune(nodeOf, placeOf, parentOf)
    },
  }
}

/** Quoting does not tell identifiers apart: <"a"@b> is <a@b>. Their case does. */
function normalizeMessageId(id: string): string {
  if (!id.includes('"')) return id
  return id.replace(/"((?:[^"\\]|\\.)*)"/g, (_, quoted: string) => quoted.replace(/\\(.)/g, '$1'))
}

/** Step 1. @returns the parent of each node. */
function* link(
  nodeOf: readonly number[],
  references: readonly Uint32Array[],
  count: number,
): Steps<Int32Array> {
  const parentOf = new Int32Array(count).fill(none)
  const childrenOf = new Uint32Array(count) // how many
  let work = 0

  function* isAbove(above: number, node: number): Steps<boolean> {
    if (above === node) return true
    if (childrenOf[above] === 0) return false
    for (let at = parentOf[node] ?? none; at !== none; at = parentOf[at] ?? none) {
      if (at === above) return true
      if (++work % workPerStep === 0) yield
    }
    return false
  }
  const setParent = (child: number, parent: number): void => {
    const before = parentOf[child] ?? none
    if (before !== none) childrenOf[before] = (childrenOf[before] ?? 0) - 1
    if (parent !== none) childrenOf[parent] = (childrenOf[parent] ?? 0) + 1
    parentOf[child] = parent
  }

  for (const [place, node] of nodeOf.entries()) {
    const ids = references[place] ?? new Uint32Array()
    // A: a reference is the parent of the next, unless that has one already.
    for (let at = 1; at < ids.length; at++) {
      const parent = ids[at - 1] ?? node
      const child = ids[at] ?? node
      if (parentOf[child] === none && !(yield* isAbove(child, parent))) setParent(child, parent)
    }
    // B: the last reference is the message's own parent; what earlier messages said of it was from a shortened list.
    setParent(node, none)
    const last = ids.at(-1)
    if (last !== undefined && !(yield* isAbove(node, last))) setParent(node, last)
    if (++work % workPerStep === 0) yield
  }
  return parentOf
}

/** Steps 2 and 3. Dummies give their children away, but for those at the root that have several. */
function* prune(
  nodeOf: readonly number[],
  placeOf: readonly number[],
  parentOf: Int32Array,
): Steps<Int32Array> {
  const count = nodeOf.length
  const kept = new Int32Array(count)
  const sizes = new Map<number, number>()
  for (const [place, node] of nodeOf.entries()) {
    const above = yield* nearestMessage(parentOf[node] ?? none, placeOf, parentOf)
    const parent = above === none ? none : placeOf[above] === none ? count + above : (placeOf[above] ?? none)
    kept[place] = parent
    if (parent >= count) sizes.set(parent, (sizes.get(parent) ?? 0) + 1)
    if (place % workPerStep === 0) yield
  }
  return kept.map((parent) => (sizes.get(parent) === 1 ? none : parent))
}

/** The nearest node from `start` upwards that is a message, else the dummy at the top. Shortens the way for others. */
function* nearestMessage(start: number, placeOf: readonly number[], parentOf: Int32Array): Steps<number> {
  let found = start
  let work = 0
  const isPassed = (node: number): boolean => placeOf[node] === none && (parentOf[node] ?? none) !== none
  while (found !== none && isPassed(found)) {
    found = parentOf[found] ?? none
    if (++work % workPerStep === 0) yield
  }
  for (let at = start; at !== none && at !== found; ) {
    const next = parentOf[at] ?? none
    parentOf[at] = found
    at = next
  }
  return found
}
