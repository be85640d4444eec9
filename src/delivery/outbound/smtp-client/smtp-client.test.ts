/** The pure parts of the SMTP client: replies, capabilities, dots; and the schedule of attempts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nextAttemptAt } from '../schedule.ts'
import { parseCapabilities } from './capabilities.ts'
import { createDotStuffer } from './dot-stuffing.ts'
import { createReplyParser, type Reply, replyLine } from './reply.ts'

function parse(...pieces: readonly (string | Uint8Array)[]): Reply[] | 'broken' {
  const parser = createReplyParser()
  const all: Reply[] = []
  for (const piece of pieces) {
    const replies = parser.push(Buffer.from(piece as Uint8Array))
    if (replies === 'broken') return 'broken'
    all.push(...replies)
  }
  return all
}

const replyRows: [text: string, want: string[] | 'broken'][] = [
  ['250 2.0.0 OK\r\n', ['250 2.0.0 OK']],
  ['250\r\n', ['250']],
  ['250-one\r\n250 two\r\n', ['250 one two']],
  ['550-5.1.1 No\r\n550 5.1.1 such user\r\n', ['550 5.1.1 No such user']],
  ['450 4.2.0 Later\n', ['450 4.2.0 Later']], // a bare LF: not ours to refuse
  ['250 5.1.1 of another class\r\n', ['250 5.1.1 of another class']],
  ['220 a\r\n250 b\r\n', ['220 a', '250 b']],
  ['250-one\r\n550 two\r\n', 'broken'], // RFC 5321 §4.2.1: one code for all lines
  ['hello\r\n', 'broken'],
  ['199 no\r\n', 'broken'],
]
for (const [text, want] of replyRows) {
  test(`reply ${JSON.stringify(text)}`, () => {
    const replies = parse(text)
    assert.deepEqual(replies === 'broken' ? replies : replies.map(replyLine), want)
  })
}

test('where the network cuts a reply does not matter', () => {
  const line = fc.stringMatching(/^[\x20-\x7e]{0,30}$/)
  const reply = fc.tuple(fc.integer({ min: 200, max: 599 }), fc.array(line, { minLength: 1, maxLength: 4 }))
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 4 }), fc.nat(200), (replies, at) => {
      const text = replies
        .map(([code, lines]) =>
          lines.map((one, n) => `${code}${n === lines.length - 1 ? ' ' : '-'}${one}\r\n`).join(''),
        )
        .join('')
      const whole = parse(text)
      assert.deepEqual(parse(text.slice(0, at), text.slice(at)), whole)
      assert.deepEqual(
        whole === 'broken' ? whole : whole.map(({ code, lines }) => [code, [...lines]]),
        replies,
      )
    }),
  )
})

test('whatever comes, the parser does not throw and holds little', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
      (pieces) => void parse(...pieces),
    ),
  )
  assert.equal(parse('2'.repeat(10_000)), 'broken')
})

test('capabilities', () => {
  const found = parseCapabilities([
    'mx.example Hello',
    'PIPELINING',
    'size 1000',
    'AUTH=LOGIN',
    'AUTH PLAIN',
    'starttls',
    'SMTPUTF8 ',
  ])
  assert.deepEqual(
    [found.pipelining, found.size, found.starttls, found.smtputf8, found.dsn],
    [true, 1000, true, true, false],
  )
  assert.deepEqual([...found.auth], ['LOGIN', 'PLAIN'])
  assert.equal(parseCapabilities(['mx', 'SIZE']).size, 0)
  assert.equal(parseCapabilities(['PIPELINING']).pipelining, false) // the first line is a greeting
})

/** What the other side makes of the bytes after DATA (RFC 5321 §4.5.2). */
function unstuffed(wire: string): string {
  assert.ok(wire === '.\r\n' || wire.endsWith('\r\n.\r\n'))
  assert.equal(`\r\n${wire}`.indexOf('\r\n.\r\n'), wire.length - 3) // the end is at the end and nowhere before
  return wire.slice(0, -3).replaceAll(/(^|\r\n)\./g, '$1')
}

function stuffed(pieces: readonly Uint8Array[]): string {
  const stuffer = createDotStuffer()
  return Buffer.concat([...pieces.map((piece) => stuffer.write(Buffer.from(piece))), stuffer.end()]).toString(
    'latin1',
  )
}

test('a message arrives as it was, its line ends made CRLF, wherever it is cut', () => {
  const byte = fc.constantFrom(...Buffer.from('.\r\nab'))
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 40 }), fc.nat(40), (bytes, at) => {
      const raw = Uint8Array.from(bytes)
      const wire = stuffed([raw.subarray(0, at), raw.subarray(at)])
      assert.equal(wire, stuffed([raw]))
      assert.doesNotMatch(wire, /\r(?!\n)|(?<!\r)\n/) // nothing for a smuggler (RFC 5321 §2.3.8)
      const text = Buffer.from(raw)
        .toString('latin1')
        .replaceAll(/\r\n|\r|\n/g, '\r\n')
      assert.equal(unstuffed(wire), text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`)
    }),
    { numRuns: 2000 },
  )
})

test('attempts follow the schedule, the last wait again and again, and never past the end', () => {
  const now = new Date('2026-01-01T00:00:00Z')
  const end = new Date('2026-01-01T01:00:00Z')
  const after = (attempts: number, random: number): number | undefined => {
    const at = nextAttemptAt(now, [60, 300, 900], attempts, end, () => random)
    return at === null ? undefined : (at.getTime() - now.getTime()) / 1000
  }
  assert.deepEqual(
    [1, 2, 3, 9].map((attempts) => after(attempts, 0.5)),
    [60, 300, 900, 900],
  )
  assert.deepEqual([after(1, 0), after(1, 1)], [54, 66])
  assert.equal(nextAttemptAt(now, [86_400], 1, end)?.getTime(), end.getTime())
  assert.equal(nextAttemptAt(end, [60], 5, end), null)
})
