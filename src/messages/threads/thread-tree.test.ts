import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { buildThreads, type ThreadAlgorithm, type ThreadedMessage, type ThreadNode } from './thread-tree.ts'

/** A message as the tests write it: `b < a` for `b` that refers to `a`, then its subject. */
type Row = Partial<ThreadedMessage> & { id?: string | null; refs?: string; irt?: string }

/** UIDs and dates count from 1 in the order given. */
function messagesOf(rows: readonly Row[]): ThreadedMessage[] {
  const ids = (text: string | undefined) =>
    (text ?? '').split(' ').flatMap((id) => (id === '' ? [] : [`<${id}>`]))
  return rows.map(({ id, refs, irt, ...more }, at) => ({
    uid: at + 1,
    messageId: id === undefined || id === null ? null : `<${id}>`,
    references: ids(refs),
    inReplyTo: ids(irt),
    subject: null,
    sentMs: at,
    ...more,
  }))
}

/** `(1 (2)(3))` as in a THREAD response but with every child in its own parentheses: the tree is plain to see. */
function show(nodes: readonly ThreadNode[]): string {
  return nodes
    .map(({ uid, children }) => `(${uid ?? '?'}${children.length > 0 ? show(children) : ''})`)
    .join('')
}

function threads(rows: readonly Row[], algorithm: ThreadAlgorithm = 'references'): string {
  return show(buildThreads(messagesOf(rows), algorithm))
}

const rows: [name: string, rows: Row[], want: string][] = [
  ['no messages', [], ''],
  ['messages without anything', [{}, {}], '(1)(2)'],
  ['a reply', [{ id: 'a' }, { id: 'b', refs: 'a' }], '(1(2))'],
  ['a reply that came first', [{ id: 'b', refs: 'a' }, { id: 'a' }], '(2(1))'],
  [
    'a chain out of order',
    [{ id: 'd', refs: 'a b c' }, { id: 'b', refs: 'a' }, { id: 'a' }, { id: 'c', refs: 'a b' }],
    '(3(2(4(1))))',
  ],
  ['two replies', [{ id: 'a' }, { id: 'b', refs: 'a' }, { id: 'c', refs: 'a' }], '(1(2)(3))'],
  ['In-Reply-To without References', [{ id: 'a' }, { id: 'b', irt: 'a' }], '(1(2))'],
  [
    'References go before In-Reply-To',
    [{ id: 'a' }, { id: 'x' }, { id: 'b', refs: 'a', irt: 'x' }],
    '(1(3))(2)',
  ],
  [
    'only the first identifier of In-Reply-To',
    [{ id: 'a' }, { id: 'b' }, { id: 'c', irt: 'b a' }],
    '(1)(2(3))',
  ],
  ['a missing message between two', [{ id: 'a' }, { id: 'c', refs: 'a b' }], '(1(2))'],
  ['many missing messages between two', [{ id: 'a' }, { id: 'z', refs: 'a b c d e f' }], '(1(2))'],
  ['a missing parent of one', [{ id: 'b', refs: 'a' }], '(1)'],
  [
    'a missing parent of two',
    [
      { id: 'b', refs: 'a' },
      { id: 'c', refs: 'a' },
    ],
    '(?(1)(2))',
  ],
  [
    'missing parents below a missing root',
    [
      { id: 'd', refs: 'a b' },
      { id: 'e', refs: 'a c' },
      { id: 'f', refs: 'a c' },
    ],
    '(?(1)(2)(3))',
  ],
  [
    'a missing root of one missing message',
    [
      { id: 'c', refs: 'a b' },
      { id: 'd', refs: 'a b' },
    ],
    '(?(1)(2))',
  ],
  [
    'a missing message gives its children to its parent',
    [{ id: 'a' }, { id: 'c', refs: 'a b' }, { id: 'd', refs: 'a b' }, { id: 'e', refs: 'a' }],
    '(1(2)(3)(4))',
  ],
  ['the same identifier twice', [{ id: 'a' }, { id: 'a' }, { id: 'b', refs: 'a' }], '(1(3))(2)'],
  [
    'a repeated message that is a reply',
    [{ id: 'a' }, { id: 'b', refs: 'a' }, { id: 'b', refs: 'a' }],
    '(1(2)(3))',
  ],
  ['a message that refers to itself', [{ id: 'a', refs: 'a' }], '(1)'],
  ['a message among its own references', [{ id: 'a' }, { id: 'b', refs: 'a b' }], '(1)(2)'],
  [
    'two that refer to each other',
    [
      { id: 'a', refs: 'b' },
      { id: 'b', refs: 'a' },
    ],
    '(2(1))',
  ],
  [
    'a circle of three',
    [
      { id: 'a', refs: 'c' },
      { id: 'b', refs: 'a' },
      { id: 'c', refs: 'b' },
    ],
    '(3(1(2)))',
  ],
  ['references in a circle', [{ id: 'a', refs: 'b c b' }, { id: 'b' }, { id: 'c', refs: 'b' }], '(2(1)(3))'],
  [
    'references that contradict each other: the first said stays',
    [{ id: 'x', refs: 'a b' }, { id: 'y', refs: 'c b' }, { id: 'a' }, { id: 'b' }, { id: 'c' }],
    '(3)(4(1)(2))(5)',
  ],
  [
    'a shortened list is corrected by the message itself',
    [{ id: 'd', refs: 'a c' }, { id: 'a' }, { id: 'b', refs: 'a' }, { id: 'c', refs: 'a b' }],
    '(2(3(4(1))))',
  ],
  [
    'a message without references leaves the parent that others gave it',
    [{ id: 'c', refs: 'a b' }, { id: 'a' }, { id: 'b' }],
    '(2)(3(1))',
  ],
  [
    'quotes in an identifier',
    [{ id: '"a"@x' }, { id: 'b@x', refs: 'a@x' }, { id: 'c', refs: '"a"@x' }],
    '(1(2)(3))',
  ],
  ['identifiers have case', [{ id: 'a' }, { id: 'b', refs: 'A' }], '(1)(2)'],
  [
    'siblings and threads by date',
    [
      { id: 'a', sentMs: 50 },
      { id: 'b', refs: 'a', sentMs: 40 },
      { id: 'c', refs: 'a', sentMs: 30 },
      { id: 'd', sentMs: 45 },
      { id: 'e', refs: 'z', sentMs: 60 },
      { id: 'f', refs: 'z', sentMs: 20 },
    ],
    '(?(6)(5))(4)(1(3)(2))',
  ],
  ['equal dates by place', [{ sentMs: 1 }, { sentMs: 1 }, { sentMs: 0 }], '(3)(1)(2)'],
  [
    'a reply by subject',
    [
      { id: 'a', subject: 'x' },
      { id: 'b', subject: 'Re: X' },
    ],
    '(1(2))',
  ],
  ['a reply by subject before its original', [{ subject: 'Re: x' }, { subject: 'x' }], '(2(1))'],
  ['two originals of one subject', [{ subject: 'x' }, { subject: 'x' }], '(?(1)(2))'],
  ['two replies of one subject', [{ subject: 'Re: x' }, { subject: 'Fwd: x' }], '(?(1)(2))'],
  ['two originals and a reply', [{ subject: 'x' }, { subject: 'x' }, { subject: 'Re: x' }], '(?(1)(2)(3))'],
  [
    'an original between replies',
    [{ subject: 'Re: x' }, { subject: 'x' }, { subject: 'Re: x' }],
    '(2(1)(3))',
  ],
  ['empty subjects are not one', [{ subject: '' }, { subject: 'Re:' }, { subject: null }], '(1)(2)(3)'],
  ['one list, two subjects', [{ subject: '[l] a' }, { subject: '[l] b' }], '(1)(2)'],
  [
    'only threads are merged by subject, not messages within them',
    [
      { id: 'a', subject: 'x' },
      { id: 'b', refs: 'a', subject: 'y' },
      { id: 'c', subject: 'Re: y' },
    ],
    '(1(2))(3)',
  ],
  [
    'a thread joins a message that is not there',
    [{ id: 'b', refs: 'a', subject: 'x' }, { id: 'c', refs: 'a', subject: 'Re: x' }, { subject: 'x' }],
    '(?(1)(2)(3))',
  ],
  [
    'two threads of messages that are not there',
    [
      { id: 'b', refs: 'a', subject: 'x' },
      { id: 'c', refs: 'a', subject: 'Re: x' },
      { id: 'e', refs: 'd', subject: 'x' },
      { id: 'f', refs: 'd', subject: 'y' },
    ],
    '(?(1)(2)(3)(4))',
  ],
  [
    'a missing parent speaks by its first child',
    [
      { id: 'b', refs: 'a', subject: 'x', sentMs: 9 },
      { id: 'c', refs: 'a', subject: 'y', sentMs: 1 },
      { subject: 'Re: y', sentMs: 5 },
      { subject: 'Re: x', sentMs: 6 },
    ],
    '(?(2)(3)(1))(4)',
  ],
]

describe('REFERENCES', () => {
  for (const [name, messages, want] of rows) test(name, () => assert.equal(threads(messages), want))
})

const subjectRows: [name: string, rows: Row[], want: string][] = [
  ['no messages', [], ''],
  [
    'by subject, whatever they refer to',
    [
      { id: 'a', subject: 'x' },
      { id: 'b', refs: 'a', subject: 'y' },
      { subject: 'Re: x' },
      { subject: 'X (fwd)' },
    ],
    '(1(3)(4))(2)',
  ],
  [
    'the first by date leads',
    [
      { subject: 'Re: x', sentMs: 3 },
      { subject: 'y', sentMs: 2 },
      { subject: 'x', sentMs: 1 },
    ],
    '(3(1))(2)',
  ],
  ['no subject is a subject', [{ subject: null }, { subject: 'x' }, { subject: 'Re:' }], '(1(3))(2)'],
]
describe('ORDEREDSUBJECT', () => {
  for (const [name, messages, want] of subjectRows) {
    test(name, () => assert.equal(threads(messages, 'orderedsubject'), want))
  }
})

test('a chain of 100,000 replies, in order and out of order', () => {
  const chain = Array.from(
    { length: 100_000 },
    (_, at): Row => ({ id: `${at}`, refs: at === 0 ? '' : `${at - 1}` }),
  )
  for (const all of [chain, chain.toReversed()]) {
    let depth = 0
    let level: readonly ThreadNode[] = buildThreads(messagesOf(all), 'references')
    for (; level.length > 0; level = level[0]?.children ?? []) {
      assert.equal(level.length, 1)
      depth++
    }
    assert.equal(depth, chain.length)
  }
})
