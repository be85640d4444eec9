import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { baseSubject } from './sort-subject.ts'

const rows: [subject: string | null, base: string, isReply: boolean][] = [
  [null, '', false],
  ['', '', false],
  ['   ', '', false],
  ['hello', 'hello', false],
  ['Re: hello', 'hello', true],
  ['RE:hello', 'hello', true],
  ['re : hello', 'hello', true],
  ['Re: Re: re: hello', 'hello', true],
  ['Fw: hello', 'hello', true],
  ['Fwd: hello', 'hello', true],
  ['FWD: Re: Fw: hello', 'hello', true],
  ['Re[2]: hello', 'hello', true],
  ['Re [2] : hello', 'hello', true],
  ['Re[]: hello', 'hello', true],
  ['Re(2): hello', 'Re(2): hello', false], // no subj-blob
  ['Ref: hello', 'Ref: hello', false],
  ['Aw: hello', 'Aw: hello', false], // §7: translations are not removed
  ['Re hello', 'Re hello', false],
  ['Re:', '', true],
  ['[list] hello', 'hello', false],
  ['[a][b] [c] hello', 'hello', false],
  ['[list] Re: hello', 'hello', true],
  ['Re: [list] hello', 'hello', true],
  ['Re: [list] Re: [other] hello', 'hello', true],
  ['[a] Re: [b] Fwd[3]: [c] hello', 'hello', true],
  ['[list]', '[list]', false], // the last blob is the base
  ['[a] [list]', '[list]', false],
  ['Re: [list]', '[list]', true],
  ['Re: [a][b]', '[b]', true],
  ['[unclosed hello', '[unclosed hello', false],
  ['[nested [blob]] hello', '[nested [blob]] hello', false],
  ['[]hello', 'hello', false],
  ['hello (fwd)', 'hello', true],
  ['hello (FWD)(fwd)  ', 'hello', true],
  ['(fwd)', '', true],
  ['hello (fwd) more', 'hello (fwd) more', false],
  ['[fwd: hello]', 'hello', true],
  ['[Fwd: Re: hello (fwd)]', 'hello', true],
  ['[fwd: [fwd: [fwd: hello]]]', 'hello', true],
  ['Re: [fwd: [list] hello]', 'hello', true],
  ['[fwd: hello] more', 'more', false], // a blob like any other
  ['[fwd: hello', '[fwd: hello', false],
  ['[fwd:]', '', true],
  ['[list] [fwd: hello]', 'hello', true],
  ['hello\tworld  \t again', 'hello world again', false],
  ['=?utf-8?Q?Re=3A_hello?=', 'hello', true],
  ['Re: =?utf-8?B?R3LDvMOfZQ==?=', 'Grüße', true],
  ['=?utf-8?Q?=5Blist=5D?= =?utf-8?Q?_hello?=', 'hello', false],
  ['=?nonsense', '=?nonsense', false],
]
for (const [subject, base, isReply] of rows) {
  test(`the base subject of ${JSON.stringify(subject)}`, () =>
    assert.deepEqual(baseSubject(subject), { base, isReply }))
}

test('a base subject is its own base subject', () => {
  const piece = fc.constantFrom('Re:', 'fwd ', '[', ']', '[fwd:', '(fwd)', ' ', 'a', ':', '[2]', '\t', 'é')
  const subject = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(subject, (text) => {
      const { base } = baseSubject(text)
      assert.deepEqual(baseSubject(base), { base, isReply: false })
    }),
    { numRuns: 2_000 },
  )
})

test('hostile subjects take no time', () => {
  const before = process.cpuUsage() // what else the machine does is not counted
  for (const piece of ['[]', '[', 'Re:', '[fwd:', '(fwd)', 're', '[a] ', ' ']) {
    baseSubject(piece.repeat(100_000))
    baseSubject(`${piece.repeat(300)}x${']'.repeat(300)}`)
  }
  assert.ok(process.cpuUsage(before).user / 1000 < 500)
})
