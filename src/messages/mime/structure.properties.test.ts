/** What holds for every message: hostile bytes, any chunks, and trees that were written by a generator. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sectionRange } from './sections.ts'
import { createStructureParser, type MimePart, parseMessage } from './structure.ts'

/** Pieces from which hostile messages are put together. */
const piece = fc.constantFrom(
  ...[
    '\r\n',
    '\n',
    '\r',
    '\0',
    ' ',
    '\t',
    '--',
    '--a',
    '--ab',
    '--a--',
    '--ab--',
    'x',
    'é',
    ';',
    '"',
    '(',
    '<@',
    ':',
  ],
  ...['\r\n--a\r\n', '\r\n--ab\r\n', '\r\n--a--\r\n', '\n--ab--\n', '\r\n\r\n', '\n\n', '--\r\n'],
  ...['Content-Type: multipart/mixed; boundary=a', 'Content-Type: multipart/digest; boundary="ab"\r\n\r\n'],
  ...['Content-Type: message/rfc822\r\n\r\n', 'Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n'],
  ...[
    'Content-Type: text/html',
    'Content-Type: multipart/x\r\n\r\n',
    'Subject: s',
    'From: a <b@c>, d:;',
    'To: "',
  ],
)
const hostileMessage = fc.oneof(
  fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
  fc.array(piece, { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join(''))),
)

test('never throws, and every range lies within its parent without overlap', () => {
  fc.assert(
    fc.property(hostileMessage, (raw) => {
      const parsed = parseMessage(raw)
      assert.equal(parsed.sizeBytes, raw.length)
      assert.deepEqual(parsed.root.headerStart, 0)
      assert.deepEqual(parsed.root.end, raw.length)
      checkPart(parsed.root, raw)
      assert.deepEqual(JSON.parse(JSON.stringify(parsed)), parsed)
      assert.ok(!JSON.stringify(parsed).includes('\\u0000'))
    }),
    { numRuns: 3_000 },
  )
})

function checkPart(part: MimePart, raw: Buffer): void {
  assert.ok(part.headerStart <= part.bodyStart && part.bodyStart <= part.end)
  assert.equal(part.parts !== undefined, part.type === 'multipart')
  assert.ok(part.parts?.length !== 0)
  const isMessage = part.type === 'message' && ['rfc822', 'global'].includes(part.subtype)
  assert.equal(part.message !== undefined, isMessage)
  const countsLines = part.type === 'text' || isMessage
  const body = raw.toString('latin1', part.bodyStart, part.end)
  assert.equal(part.lines, countsLines ? body.split('\n').length - 1 : 0)
  let free = part.bodyStart
  for (const child of part.parts ?? []) {
    assert.ok(child.headerStart >= free && child.end <= part.end)
    free = child.end
    checkPart(child, raw)
  }
  if (part.message === undefined) return
  assert.equal(part.message.part.headerStart, part.bodyStart)
  assert.equal(part.message.part.end, part.end)
  checkPart(part.message.part, raw)
}

test('where the network cuts the bytes does not matter', () => {
  const cuts = fc.array(fc.nat(800), { maxLength: 12 })
  fc.assert(
    fc.property(hostileMessage, cuts, (raw, cutAt) => {
      const parser = createStructureParser()
      let from = 0
      for (const to of [...cutAt.toSorted((a, b) => a - b), raw.length]) {
        if (to < from || to > raw.length) continue
        parser.write(raw.subarray(from, to))
        from = to
      }
      assert.deepEqual(parser.end(), parseMessage(raw))
    }),
    { numRuns: 3_000 },
  )
})

/** A message as it is written, with the bytes that each of its sections must give back. */
type Tree =
  | { kind: 'leaf'; body: string }
  | { kind: 'multipart'; preamble: string; children: Tree[]; epilogue: string }
  | { kind: 'message'; message: Tree }
type Written = { header: string; body: string; expect: (path: number[], isMessage: boolean) => Section[] }
type Section = { path: number[]; text: 'HEADER' | 'TEXT' | 'MIME' | null; bytes: string }

/** Boundaries are `=_` and a number, so that these bodies come near to delimiters and never are one. */
const body = fc
  .array(fc.constantFrom('--', '--=_', '=_', '\r\n', '\n', '\r', 'text', '\r\n--=_x', '\0', '\xe9', ' '), {
    maxLength: 12,
  })
  .map((pieces) => pieces.join(''))

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({ kind: fc.constant('leaf' as const), body }),
    fc.record({
      kind: fc.constant('multipart' as const),
      preamble: body,
      children: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
      epilogue: body,
    }),
    fc.record({ kind: fc.constant('message' as const), message: tie('tree') }),
  ),
}))

test('a generated tree gives its bytes back, section by section', () => {
  fc.assert(
    fc.property(tree, (generated) => {
      const written = write(generated, { boundaries: 0 })
      const raw = Buffer.from(written.header + written.body, 'latin1')
      const parsed = parseMessage(raw)
      for (const { path, text, bytes } of written.expect([], true)) {
        const range = sectionRange(parsed, path, text)
        assert.ok(range !== null, `${path.join('.')} ${text}`)
        assert.equal(raw.toString('latin1', range.start, range.end), bytes, `${path.join('.')} ${text}`)
      }
    }),
    { numRuns: 1_000 },
  )
})

function write(node: Tree, counter: { boundaries: number }): Written {
  if (node.kind === 'multipart') return writeMultipart(node, counter)
  if (node.kind === 'message') return writeMessage(node, counter)
  const header = 'Content-Type: text/plain\r\n\r\n'
  return {
    header,
    body: node.body,
    expect: (path, isMessage) => own(header, node.body, path, isMessage, true),
  }
}

function writeMultipart(node: Tree & { kind: 'multipart' }, counter: { boundaries: number }): Written {
  const boundary = `=_${counter.boundaries++}`
  const header = `Subject: several\r\nContent-Type: multipart/mixed;\r\n boundary="${boundary}"\r\n\r\n`
  const children = node.children.map((child) => write(child, counter))
  const parts = children.map((child) => `\r\n--${boundary}\r\n${child.header}${child.body}`).join('')
  const written = `${node.preamble}${parts}\r\n--${boundary}--\r\n${node.epilogue}`
  return {
    header,
    body: written,
    expect: (path, isMessage) => [
      ...own(header, written, path, isMessage, false),
      ...children.flatMap((child, index) => child.expect([...path, index + 1], false)),
    ],
  }
}

function writeMessage(node: Tree & { kind: 'message' }, counter: { boundaries: number }): Written {
  const inner = write(node.message, counter)
  const header = 'Content-Type: message/rfc822\r\n\r\n'
  const written = inner.header + inner.body
  return {
    header,
    body: written,
    expect: (path, isMessage) => [
      ...own(header, written, path, isMessage, true),
      ...inner.expect(isMessage ? [...path, 1] : path, true),
    ],
  }
}

/** A part's own sections: a message has HEADER and TEXT at its path, a part has MIME and its body. */
function own(
  header: string,
  written: string,
  path: number[],
  isMessage: boolean,
  isPartOne: boolean,
): Section[] {
  const asPart = (at: number[]): Section[] => [
    { path: at, text: 'MIME', bytes: header },
    { path: at, text: null, bytes: written },
  ]
  if (!isMessage) return asPart(path)
  return [
    { path, text: 'HEADER', bytes: header },
    { path, text: 'TEXT', bytes: written },
    ...(isPartOne ? asPart([...path, 1]) : []),
  ]
}
