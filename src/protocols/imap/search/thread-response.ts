/** The THREAD response, RFC 5256 §4. Threads of any depth: nothing here calls itself. */
import type { ThreadNode } from '../../../messages/threads/thread-tree.ts'

/** The pieces of `* THREAD (2)(3 6 (4 23)(44 7 96))`, to be written one after the other. */
export function* encodeThreads(
  threads: readonly ThreadNode[],
  numberOf: (uid: number) => number,
): Generator<string, void> {
  yield threads.length > 0 ? '* THREAD ' : '* THREAD'
  for (const thread of threads) yield* encodeThread(thread, numberOf)
  yield '\r\n'
}

/** What is still to be written: a list to open, or one to close. */
type Pending = ThreadNode | ')'

function* encodeThread(thread: ThreadNode, numberOf: (uid: number) => number): Generator<string, void> {
  const pending: Pending[] = [thread]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next === ')') {
      yield next
      continue
    }
    const members: number[] = []
    let node = next
    for (;;) {
      if (node.uid !== null) members.push(numberOf(node.uid))
      const [only] = node.children
      if (only === undefined || node.children.length > 1) break
      node = only
    }
    yield `(${members.join(' ')}${members.length > 0 && node.children.length > 0 ? ' ' : ''}`
    pending.push(')')
    for (const child of node.children.toReversed()) pending.push(child)
  }
}
