/**
 * Threads as trees: ORDEREDSUBJECT and REFERENCES of RFC 5256 §3. Pure: messages in, a forest out. REFERENCES is that
 * of Jamie Zawinski's Netscape Mail; its steps carry the numbers that the RFC gives them.
 */
import { collationKey } from '../sort/sort-collation.ts'
import { runAtOnce, type Steps, sortSteps } from '../sort/sort-steps.ts'
import { baseSubject } from '../sort/sort-subject.ts'
import { createLinks, type Links } from './thread-tree-links.ts'

export type ThreadedMessage = {
  uid: number
  /** Identifiers as parseMessageIds gives them. */
  messageId: string | null
  references: readonly string[]
  inReplyTo: readonly string[]
  /** The unfolded field. */
  subject: string | null
  /** RFC 5256 §2.2, in milliseconds since 1970. */
  sentMs: number
}

/** Siblings are in the order of their sent dates. `uid` is null for a parent of several that is not there itself. */
export type ThreadNode = { uid: number | null; children: readonly ThreadNode[] }

export type ThreadAlgorithm = 'orderedsubject' | 'references'

/** Threads are built up: `add` takes the messages one by one, in mailbox order. */
export type Threader = { add(message: ThreadedMessage): void; threads(): Steps<ThreadNode[]> }

/** @param messages in mailbox order. @returns the threads by the date of their first messages. */
export function buildThreads(messages: Iterable<ThreadedMessage>, algorithm: ThreadAlgorithm): ThreadNode[] {
  const threader = createThreader(algorithm)
  for (const message of messages) threader.add(message)
  return runAtOnce(threader.threads())
}

/** What is known of each message, by its place in the mailbox. */
type Known = {
  uids: number[]
  sentMs: number[]
  /** Which base subject it has; 0 is the empty one. */
  subjects: number[]
  isReply: boolean[]
}

export function createThreader(algorithm: ThreadAlgorithm): Threader {
  const known: Known = { uids: [], sentMs: [], subjects: [], isReply: [] }
  const subjectIds = new Map([['', 0]])
  const links = algorithm === 'references' ? createLinks() : null
  return {
    add(message) {
      const { base, isReply } = baseSubject(message.subject)
      const key = collationKey(base)
      const subject = subjectIds.get(key) ?? subjectIds.size
      subjectIds.set(key, subject)
      known.uids.push(message.uid)
      known.sentMs.push(message.sentMs)
      known.subjects.push(subject)
      known.isReply.push(isReply)
      // In-Reply-To holds addresses too; only its first identifier can be trusted.
      links?.add(message.messageId, message.references, message.inReplyTo.slice(0, 1))
    },
    *threads() {
      const order = yield* bySentDate(known)
      const parents =
        links === null ? yield* firstOfSubject(known, order) : yield* byReferences(known, order, links)
      return yield* growForest(known, order, parents)
    },
  }
}

/** Places in the order of their sent dates, then of the mailbox. */
function* bySentDate({ sentMs }: Known): Steps<Uint32Array> {
  const order = Uint32Array.from(sentMs, (_, place) => place)
  yield* sortSteps(order, (a, b) => (sentMs[a] ?? 0) - (sentMs[b] ?? 0) || a - b)
  return order
}

/** The parent of each place: another place, `noParent`, or a number of no message, for a parent that is not there. */
type Parents = Int32Array
const noParent = -1
/** How much is done between two steps. */
const workPerStep = 1_000

/** ORDEREDSUBJECT: the first message of a subject is the parent of the others. */
function* firstOfSubject({ subjects }: Known, order: Uint32Array): Steps<Parents> {
  const parents = new Int32Array(order.length).fill(noParent)
  const first = new Map<number, number>()
  for (const [done, place] of order.entries()) {
    if (done % workPerStep === 0) yield
    const parent = first.get(subjects[place] ?? 0)
    if (parent === undefined) first.set(subjects[place] ?? 0, place)
    else parents[place] = parent
  }
  return parents
}

function* byReferences(known: Known, order: Uint32Array, links: Links): Steps<Parents> {
  const parents = yield* links.parents() // steps 1 to 3
  yield* mergeSubjects(known, order, parents) // steps 4 and 5
  return parents
}

/** A child of the root: a message, or a parent that is not there; then its first child by date speaks for it. */
type Root = { node: number; isDummy: boolean; speaker: number }

/** Step 5: threads of one base subject become one thread. Changes `parents`. */
function* mergeSubjects({ subjects, isReply }: Known, order: Uint32Array, parents: Parents): Steps<void> {
  const count = parents.length
  const roots = yield* rootsByDate(order, parents)
  const table = new Map<number, Root>()
  for (const [done, root] of roots.entries()) {
    if (done % workPerStep === 0) yield
    const subject = subjects[root.speaker] ?? 0
    if (subject === 0) continue
    const entry = table.get(subject)
    const replaces =
      entry === undefined ||
      (!entry.isDummy && (root.isDummy || (isReply[entry.speaker] && !isReply[root.speaker])))
    if (replaces) table.set(subject, root)
  }
  let nextDummy = roots.reduce((highest, { node }) => Math.max(highest, node), count - 1) + 1
  const into = new Map<number, number>() // dummies whose children go to another
  for (const [done, root] of roots.entries()) {
    if (done % workPerStep === 0) yield
    const entry = table.get(subjects[root.speaker] ?? 0)
    if (entry === undefined || entry === root) continue
    if (root.isDummy) into.set(root.node, entry.node)
    else if (entry.isDummy || (isReply[root.speaker] && !isReply[entry.speaker]))
      parents[root.node] = entry.node
    else {
      const dummy: Root = { node: nextDummy++, isDummy: true, speaker: entry.speaker }
      parents[root.node] = dummy.node
      parents[entry.node] = dummy.node
      table.set(subjects[root.speaker] ?? 0, dummy)
    }
  }
  if (into.size > 0) {
    for (const [place, parent] of parents.entries()) parents[place] = into.get(parent) ?? parent
  }
}

/** Step 4. */
function* rootsByDate(order: Uint32Array, parents: Parents): Steps<Root[]> {
  const roots: Root[] = []
  const seen = new Set<number>()
  for (const [done, place] of order.entries()) {
    if (done % workPerStep === 0) yield
    const parent = parents[place] ?? noParent
    if (parent === noParent) roots.push({ node: place, isDummy: false, speaker: place })
    else if (parent >= parents.length && !seen.has(parent)) {
      seen.add(parent)
      roots.push({ node: parent, isDummy: true, speaker: place })
    }
  }
  return roots
}

type GrowingNode = { uid: number | null; children: ThreadNode[] }
/** Shared by all that have none, which are most. */
const noChildren: ThreadNode[] = []

/** Step 6: in the order of sent dates, each message takes its place behind its siblings. */
function* growForest(known: Known, order: Uint32Array, parents: Parents): Steps<ThreadNode[]> {
  const nodes = known.uids.map((uid): GrowingNode => ({ uid, children: noChildren }))
  const dummies = new Map<number, GrowingNode>()
  const roots: ThreadNode[] = []
  for (const [done, place] of order.entries()) {
    if (done % workPerStep === 0) yield
    const node = nodes[place]
    const parent = parents[place] ?? noParent
    if (node === undefined) continue
    if (parent === noParent) {
      roots.push(node)
      continue
    }
    let above = nodes[parent] ?? dummies.get(parent)
    if (above === undefined) {
      above = { uid: null, children: noChildren }
      dummies.set(parent, above)
      roots.push(above)
    }
    if (above.children === noChildren) above.children = [node]
    else above.children.push(node)
  }
  return roots
}
