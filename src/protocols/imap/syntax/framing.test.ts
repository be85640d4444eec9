import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createFramer, type FramerEvent, type LiteralAnnounced, type Segment } from './framing.ts'
import { drain } from './testing.ts'

type Answer = 'buffer' | 'stream' | 'refuse'

const smallLimits = {
  commandTextBytesMax: 40,
  literalBufferedBytesMax: 8,
  literalsBufferedMax: 2,
  literalsBufferedTotalBytesMax: 12,
  discardBytesMax: 60,
}

function showSegment(segment: Segment): string {
  const mark = segment.kind !== 'text' && segment.binary ? '~' : ''
  if (segment.kind === 'streamed') return `${mark}<${segment.sizeBytes}>`
  const text = segment.bytes.toString('latin1')
  return segment.kind === 'text' ? text : `${mark}{${text}}`
}

function show(event: FramerEvent): string {
  switch (event.kind) {
    case 'command':
      return `command ${event.segments.map(showSegment).join('|')}`
    case 'literal-announced': {
      const how = `${event.binary ? '~' : ''}${event.sizeBytes}${event.synchronizing ? '' : '+'}`
      return `announced ${how} after ${event.segmentsSoFar.map(showSegment).join('|')}`
    }
    case 'literal-chunk':
      return `chunk ${event.bytes.toString('latin1')}`
    case 'line':
      return `line ${event.bytes.toString('latin1')}`
    case 'line-too-long':
      return `too-long ${event.segmentsSoFar.map(showSegment).join('|')}`
    default:
      return event.kind
  }
}

/** Events as text, chunks of one literal joined, so that they do not depend on where the bytes were cut. */
function run(
  pieces: readonly Buffer[],
  answer: (event: LiteralAnnounced) => Answer,
  limits = smallLimits,
): string[] {
  const framer = createFramer(limits)
  const shown: string[] = []
  for (const piece of pieces) {
    framer.push(Buffer.from(piece))
    for (const event of drain(framer, answer)) {
      const text = show(event)
      if (event.kind === 'out-of-step') return [...shown, text]
      if (event.kind === 'literal-chunk' && shown.at(-1)?.startsWith('chunk ')) {
        shown.push(`${shown.pop()}${event.bytes.toString('latin1')}`)
      } else shown.push(text)
    }
  }
  return shown
}

const rows: [wire: string, answer: Answer, events: string[]][] = [
  ['a NOOP\r\n', 'buffer', ['command a NOOP']],
  ['a NOOP\nb NOOP\r\n', 'buffer', ['command a NOOP', 'command b NOOP']],
  ['\r\n', 'buffer', ['command ']],
  ['a NOOP', 'buffer', []],
  [
    'a {3}\r\nb\r\n {1+}\r\n{\r\n',
    'buffer',
    ['announced 3 after a ', 'announced 1+ after a |{b\r\n}| ', 'command a |{b\r\n}| |{{}|'],
  ],
  ['a ~{2}\r\n\0\n x\r\n', 'buffer', ['announced ~2 after a ', 'command a |~{\0\n}| x']],
  ['a {0}\r\n\r\n', 'buffer', ['announced 0 after a ', 'command a |{}|']],
  ['a {0+}\r\n\r\n', 'stream', ['announced 0+ after a ', 'literal-end', 'command a |<0>|']],
  [
    'a {9}\r\n123456789 x\n',
    'stream',
    ['announced 9 after a ', 'chunk 123456789', 'literal-end', 'command a |<9>| x'],
  ],
  ['a {9}\r\nb NOOP\r\n', 'refuse', ['announced 9 after a ', 'command b NOOP']],
  ['a {3+}\r\nx\r\n y {2+}\r\nzz\r\nb NOOP\r\n', 'refuse', ['announced 3+ after a ', 'command b NOOP']],
  ['a {3+}\r\nxyz {2}\r\nb NOOP\r\n', 'refuse', ['announced 3+ after a ', 'command b NOOP']],
  ['a {61+}\r\n', 'refuse', ['announced 61+ after a ', 'out-of-step']],
  [
    'a {30+}\r\n012345678901234567890123456789 {30+}\r\n',
    'refuse',
    ['announced 30+ after a ', 'out-of-step'],
  ],
  ['a {x}\r\n', 'buffer', ['command a {x}']],
  ['a {3-}\r\n', 'buffer', ['command a {3-}']],
  ['a {99999999999999999999}\r\n', 'refuse', [`announced ${Number.MAX_SAFE_INTEGER} after a `]],
  ['a {999999999999999999999}\r\n', 'refuse', ['command a {999999999999999999999}']],
  [`a ${'x'.repeat(38)}\n`, 'buffer', [`command a ${'x'.repeat(38)}`]],
  [`a ${'x'.repeat(39)}\nb NOOP\n`, 'buffer', [`too-long a ${'x'.repeat(38)}`, 'command b NOOP']],
  [
    `a ${'x'.repeat(39)} {4+}\r\n1\r\n2 z\r\nb NOOP\n`,
    'buffer',
    [`too-long a ${'x'.repeat(38)}`, 'command b NOOP'],
  ],
  [`a ${'x'.repeat(80)}`, 'buffer', [`too-long a ${'x'.repeat(38)}`, 'out-of-step']],
  [
    `a {1}\r\n1 ${'x'.repeat(40)}\n`,
    'buffer',
    ['announced 1 after a ', `too-long a |{1}| ${'x'.repeat(34)}`],
  ],
]

describe('framing', () => {
  for (const [wire, answer, events] of rows) {
    test(JSON.stringify(wire.slice(0, 60)), () => {
      assert.deepEqual(
        run([Buffer.from(wire, 'latin1')], () => answer),
        events,
      )
    })
  }

  test('where the network cuts the bytes does not matter', () => {
    const fragment = fc.constantFrom(
      'a ',
      '{3}\r\n',
      '{2+}\r\n',
      '~{9+}\r\n',
      '{70+}\n',
      '\r\n',
      '\n',
      'xyz',
      '"',
      'word ',
      '{',
    )
    const wire = fc.array(fragment, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(''), 'latin1'))
    const cuts = fc.array(fc.nat(120), { maxLength: 12 })
    const answers = fc.constantFrom<Answer>('buffer', 'stream', 'refuse')
    fc.assert(
      fc.property(wire, cuts, answers, (bytes, offsets, answer) => {
        const choose = (event: LiteralAnnounced) =>
          answer === 'buffer' && !event.bufferable ? 'refuse' : answer
        const ends = [...offsets.sort((a, b) => a - b), bytes.length]
        const pieces = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
        assert.deepEqual(run(pieces, choose), run([bytes], choose))
        const single = Array.from(bytes, (byte) => Buffer.from([byte]))
        assert.deepEqual(run(single, choose), run([bytes], choose))
      }),
      { numRuns: 500 },
    )
  })

  test('arbitrary bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        run([Buffer.from(bytes)], () => 'refuse')
      }),
    )
  })

  test('nothing comes out before the literal is answered, and pipelined bytes are counted', () => {
    const framer = createFramer()
    framer.push(Buffer.from('a X {2}\r\nhi\r\nb NOOP\r\n'))
    assert.equal(framer.next()?.kind, 'literal-announced')
    assert.equal(framer.next(), null)
    assert.equal(framer.bufferedBytes, 'hi\r\nb NOOP\r\n'.length)
    framer.acceptLiteral('buffer')
    assert.equal(framer.next()?.kind, 'command')
    assert.equal(framer.takeBuffered().toString(), 'b NOOP\r\n')
    assert.equal(framer.bufferedBytes, 0)
    assert.equal(framer.next(), null)
  })

  test('the raw line after AUTHENTICATE is no command and announces no literal', () => {
    const framer = createFramer()
    framer.push(Buffer.from('a AUTHENTICATE PLAIN\r\nAGE= {3}\r\nb NOOP\r\n'))
    assert.equal(framer.next()?.kind, 'command')
    framer.expectLine()
    assert.deepEqual(framer.next(), { kind: 'line', bytes: Buffer.from('AGE= {3}') })
    assert.equal(framer.next()?.kind, 'command')
  })

  test('a raw line has a bound too', () => {
    const framer = createFramer(smallLimits)
    framer.expectLine()
    framer.push(Buffer.from(`${'x'.repeat(41)}{9+}\r\nb NOOP\r\n`))
    assert.equal(framer.next()?.kind, 'line-too-long')
    assert.deepEqual(framer.next()?.kind, 'command')
  })

  test('literals held in memory are bounded in size, number and sum', () => {
    const bufferable = (wire: string) => {
      const framer = createFramer(smallLimits)
      framer.push(Buffer.from(wire))
      const seen: boolean[] = []
      for (let event = framer.next(); event?.kind === 'literal-announced'; event = framer.next()) {
        seen.push(event.bufferable)
        if (event.bufferable) framer.acceptLiteral('buffer')
      }
      return seen
    }
    assert.deepEqual(bufferable('a {8}\r\n12345678'), [true])
    assert.deepEqual(bufferable('a {9}\r\n'), [false])
    assert.deepEqual(bufferable('a {8}\r\n12345678{5}\r\n'), [true, false])
    assert.deepEqual(bufferable('a {1}\r\n1{1}\r\n1{1}\r\n'), [true, true, false])
  })

  test('the owner is told of its own mistakes', () => {
    const framer = createFramer(smallLimits)
    assert.throws(() => framer.acceptLiteral('buffer'))
    assert.throws(() => framer.refuseLiteral())
    framer.push(Buffer.from('a {9}\r\n'))
    framer.next()
    assert.throws(() => framer.acceptLiteral('buffer'))
    assert.throws(() => framer.expectLine())
  })

  test('a megabyte in single bytes is not copied again and again', () => {
    const framer = createFramer({ ...smallLimits, commandTextBytesMax: 2 ** 20 })
    const byte = Buffer.from('x')
    const started = performance.now()
    for (let i = 0; i < 2 ** 20; i++) {
      framer.push(byte)
      framer.next()
    }
    assert.equal(framer.bufferedBytes, 2 ** 20)
    assert.ok(performance.now() - started < 5_000)
  })
})
