/** Subjects of replies and forwards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { forwardSubject, replySubject } from './reply-subject.ts'

const replies: [subject: string, want: string][] = [
  ['Lunch', 'Re: Lunch'],
  ['Re: Lunch', 'Re: Lunch'],
  ['RE: AW: Sv : Lunch', 'Re: Lunch'],
  ['Re[2]: Lunch', 'Re: Lunch'],
  ['Re^3: Lunch', 'Re: Lunch'],
  ['回复：午餐', 'Re: 午餐'],
  ['[list] Re: Lunch', 'Re: [list] Lunch'],
  ['Re: [list] Re: Lunch', 'Re: [list] Lunch'],
  ['[list] Lunch', 'Re: [list] Lunch'],
  ['Fwd: Lunch', 'Re: Fwd: Lunch'],
  ['Regarding: Lunch', 'Re: Regarding: Lunch'],
  ['Research', 'Re: Research'],
  ['', 'Re:'],
  ['  a\r\n b\0c ', 'Re: a b c'],
]
for (const [subject, want] of replies) {
  test(`reply: ${JSON.stringify(subject)}`, () => assert.equal(replySubject(subject), want))
}

const forwards: [subject: string, want: string][] = [
  ['Lunch', 'Fwd: Lunch'],
  ['FW: WG: Lunch', 'Fwd: Lunch'],
  ['Re: Lunch', 'Fwd: Re: Lunch'],
  ['转发：午餐', 'Fwd: 午餐'],
]
for (const [subject, want] of forwards) {
  test(`forward: ${JSON.stringify(subject)}`, () => assert.equal(forwardSubject(subject), want))
}

test('one mark is enough, whatever the subject', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('Re:', 'AW: ', '[x]', ' ', 'a', 'Fwd:', '[')), (pieces) => {
      const once = replySubject(pieces.join(''))
      assert.equal(replySubject(once), once)
    }),
  )
})

test('a long run of marks takes no time', () => {
  const started = performance.now()
  replySubject(`${'re: '.repeat(100_000)}${'['.repeat(100_000)}`)
  assert.ok(performance.now() - started < 2_000)
})
