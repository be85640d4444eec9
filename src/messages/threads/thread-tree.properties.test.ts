/** THREAD against the steps of RFC 5256 taken literally, on messages that refer to each other in every wrong way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collationKey } from '../sort/sort-collation.ts'
import { baseSubject } from '../sort/sort-subject.ts'
import { buildThreads, type ThreadedMessage, type ThreadNode } from './thread-tree.ts'

const id = fc.constantFrom('<a>', '<b>', '<c>', '<d>', '<e>', '<f>', '<g>', '<h>')
const message = fc.record({
  messageId: fc.option(id, { freq: 6 }),
  references: fc.array(id, { maxLength: 4 }),
  inReplyTo: fc.array(id, { maxLength: 2 }),
  subject: fc.option(fc.constantFrom('', 'x', 'Re: x', 'y', 'Fwd: y', '[l] z')),
  sentMs: fc.nat(5),
})
const mailbox = fc
  .array(message, { maxLength: 12 })
  .map((all) => all.map((one, at): ThreadedMessage => ({ ...one, uid: at + 1 })))

test('every message is in the threads exactly once', () => {
  fc.assert(
    fc.property(mailbox, fc.constantFrom('references', 'orderedsubject'), (messages, algorithm) => {
      const found: number[] = []
      const open = [...buildThreads(messages, algorithm)]
      for (let node = open.pop(); node !== undefined; node = open.pop()) {
        if (node.uid === null) assert.ok(node.children.length > 1)
        else found.push(node.uid)
        open.push(...node.children)
      }
      assert.deepEqual(
        found.sort((a, b) => a - b),
        messages.map(({ uid }) => uid),
      )
    }),
    { numRuns: 3_000 },
  )
})

test('REFERENCES is what its steps say', () => {
  fc.assert(
    fc.property(mailbox, (messages) => {
      assert.deepEqual(buildThreads(messages, 'references'), literally(messages))
    }),
    { numRuns: 5_000 },
  )
})

type Container = { message: ThreadedMessage | null; parent: Container | null; children: Container[] }

function newContainer(message: ThreadedMessage | null): Container {
  return { message, parent: null, children: [] }
}

function literally(messages: readonly ThreadedMessage[]): ThreadNode[] {
  const root = newContainer(null)
  for (const one of linked(messages)) if (one.parent === null) attach(one, root) // step 2
  pruneBelow(root, true)
  sortChildren(root)
  mergeBySubject(root)
  sortChildren(root)
  return root.children.map(toNode)
}

/** Step 1. */
function linked(messages: readonly ThreadedMessage[]): Set<Container> {
  const byId = new Map<string, Container>()
  const own = messages.map((one) => {
    const container = newContainer(one)
    if (one.messageId !== null && !byId.has(one.messageId)) byId.set(one.messageId, container)
    return container
  })
  const containerOf = (id: string): Container => {
    const found = byId.get(id) ?? newContainer(null)
    byId.set(id, found)
    return found
  }
  for (const [at, one] of messages.entries()) {
    const ids = one.references.length > 0 ? one.references : one.inReplyTo.slice(0, 1)
    const references = ids.map(containerOf)
    for (const [place, child] of references.entries()) {
      const parent = references[place - 1]
      if (parent !== undefined && child.parent === null && !isWithin(parent, child)) attach(child, parent)
    }
    const container = own[at]
    const last = references.at(-1)
    if (container === undefined) continue
    detach(container)
    if (last !== undefined && !isWithin(last, container)) attach(container, last)
  }
  return new Set([...own, ...byId.values()])
}

function isWithin(one: Container | null, other: Container): boolean {
  return one !== null && (one === other || isWithin(one.parent, other))
}

function detach(one: Container): void {
  if (one.parent !== null) one.parent.children = one.parent.children.filter((child) => child !== one)
  one.parent = null
}

function attach(child: Container, parent: Container): void {
  detach(child)
  child.parent = parent
  parent.children.push(child)
}

/** Step 3. */
function pruneBelow(parent: Container, isRoot: boolean): void {
  for (const child of [...parent.children]) {
    pruneBelow(child, false)
    if (child.message !== null) continue
    if (child.children.length === 0) detach(child)
    else if (!isRoot || child.children.length === 1) {
      for (const grandchild of [...child.children]) attach(grandchild, parent)
      detach(child)
    }
  }
}

/** Steps 4 and 6, the youngest siblings first. */
function sortChildren(parent: Container): void {
  for (const child of parent.children) sortChildren(child)
  const speaks = (one: Container) => one.message ?? one.children[0]?.message
  parent.children.sort((a, b) => {
    const [first, second] = [speaks(a), speaks(b)]
    assert.ok(first && second)
    return first.sentMs - second.sentMs || first.uid - second.uid
  })
}

/** Step 5. */
function mergeBySubject(root: Container): void {
  const table = new Map<string, Container>()
  const subjectOf = ({ message, children }: Container) => {
    const { base, isReply } = baseSubject((message ?? children[0]?.message)?.subject ?? null)
    return { subject: collationKey(base), isReply: message !== null && isReply }
  }
  for (const current of root.children) {
    const { subject, isReply } = subjectOf(current)
    if (subject === '') continue
    const entry = table.get(subject)
    if (entry === undefined) table.set(subject, current)
    else if (entry.message !== null && (current.message === null || (subjectOf(entry).isReply && !isReply))) {
      table.set(subject, current)
    }
  }
  for (const current of [...root.children]) {
    const { subject, isReply } = subjectOf(current)
    const entry = table.get(subject)
    if (subject === '' || entry === undefined || entry === current) continue
    if (current.parent !== root) continue
    if (entry.message === null && current.message === null) {
      for (const child of [...current.children]) attach(child, entry)
      detach(current)
    } else if (entry.message === null || (isReply && !subjectOf(entry).isReply)) attach(current, entry)
    else {
      const dummy = newContainer(null)
      attach(dummy, root)
      attach(current, dummy)
      attach(entry, dummy)
      table.set(subject, dummy)
    }
  }
}

function toNode({ message, children }: Container): ThreadNode {
  return { uid: message?.uid ?? null, children: children.map(toNode) }
}
