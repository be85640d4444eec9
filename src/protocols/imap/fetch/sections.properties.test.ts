/** What holds for every message: a section is the slice of the message that its author wrote there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BodyReader } from '../../../messages/bodies-read.ts'
import { parseMessage } from '../../../messages/mime/structure.ts'
import { collectWire } from '../../../testing/test-fetch.ts'
import type { Partial, Section } from '../syntax/fetch-item.ts'
import { createFetchOutput } from './output.ts'
import { writeSection } from './sections.ts'

type Tree =
  | { kind: 'text'; body: string }
  | { kind: 'mixed'; parts: Tree[] }
  | { kind: 'message'; inner: Tree }
type Expected = { section: Section; bytes: string }

const text = fc
  .array(fc.constantFrom('one', '\r\n', ' ', '-', '--', '\xff', '(', '"'), { maxLength: 8 })
  .map((p) => p.join(''))
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.record({ kind: fc.constant('text' as const), body: text }),
    fc.record({
      kind: fc.constant('mixed' as const),
      parts: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('message' as const), inner: tie('tree') }),
  ),
}))

/** Writes a node as a message or part with its blank line, and notes what its sections must give. */
function write(
  node: Tree,
  path: number[],
  isMessage: boolean,
  ids: { next: number },
): { bytes: string; expected: Expected[] } {
  const fields = ['X-Kind: node', 'x-note: folded\r\n over lines', `X-Kind: ${node.kind}`]
  const kinds = fields.flatMap((field) => (field.startsWith('X-Kind') ? [field] : []))
  let body = ''
  let below: Expected[] = []
  if (node.kind === 'text') body = node.body
  else if (node.kind === 'message') {
    fields.push('Content-Type: message/rfc822')
    const inner = write(node.inner, isMessage ? [...path, 1] : path, true, ids)
    body = inner.bytes
    below = inner.expected
  } else {
    const boundary = `=boundary=${ids.next++}=`
    fields.push(`Content-Type: multipart/mixed; boundary="${boundary}"`)
    for (const [index, part] of node.parts.entries()) {
      const written = write(part, [...path, index + 1], false, ids)
      body += `\r\n--${boundary}\r\n${written.bytes}`
      below.push(...written.expected)
    }
    body += `\r\n--${boundary}--\r\n`
  }
  const header = `${fields.join('\r\n')}\r\n\r\n`
  const asPart = (part: number[]): Expected[] => [
    { section: { part, text: 'mime' }, bytes: header },
    { section: { part, text: 'all' }, bytes: body },
  ]
  const asMessage: Expected[] = [
    { section: { part: path, text: 'header' }, bytes: header },
    { section: { part: path, text: 'text' }, bytes: body },
    {
      section: { part: path, text: 'header-fields', names: ['x-kind'] },
      bytes: `${kinds.join('\r\n')}\r\n\r\n`,
    },
    {
      section: { part: path, text: 'header-fields-not', names: ['X-Kind', 'Content-Type'] },
      bytes: 'x-note: folded\r\n over lines\r\n\r\n',
    },
    ...(node.kind === 'mixed' ? [] : asPart([...path, 1])),
  ]
  return { bytes: header + body, expected: [...(isMessage ? asMessage : asPart(path)), ...below] }
}

/** `held`: as of a small body; else as of a large one, in pieces. */
function readerOf(raw: Buffer, held: boolean): BodyReader {
  return {
    sizeBytes: raw.length,
    inMemory: ({ start, end }) => (held ? raw.subarray(start, end) : null),
    async *read({ start, end }) {
      for (let at = start; at < end; at += 11) yield raw.subarray(at, Math.min(end, at + 11))
    },
  }
}

const partial = fc.option(
  fc.record({ offsetBytes: fc.nat(120), countBytes: fc.integer({ min: 1, max: 60 }) }),
)

test('every section of a generated message is the slice that was written, whole and in part', async () => {
  await fc.assert(
    fc.asyncProperty(tree, partial, fc.boolean(), async (generated, part, held) => {
      const { bytes, expected } = write(generated, [], true, { next: 0 })
      const raw = Buffer.from(bytes, 'latin1')
      const { root } = parseMessage(raw)
      const whole: Expected = { section: { part: [], text: 'all' }, bytes }
      for (const { section, bytes: want } of [whole, ...expected]) {
        const got = await fetched(readerOf(raw, held), root, section, part)
        const slice = part === null ? want : want.slice(part.offsetBytes, part.offsetBytes + part.countBytes)
        assert.equal(got, slice === '' ? '""' : `{${slice.length}}\r\n${slice}`, JSON.stringify(section))
      }
    }),
    { numRuns: 300 },
  )
})

async function fetched(
  reader: BodyReader,
  root: ReturnType<typeof parseMessage>['root'],
  section: Section,
  part: Partial | null,
): Promise<string> {
  const collected = collectWire()
  const output = createFetchOutput(collected.write)
  await writeSection(output, reader, root, section, part)
  await output.flush()
  return collected.wire()
}

test('a body that is shorter than its row says breaks the command instead of the literal', async () => {
  const raw = Buffer.from('Subject: x\r\n\r\nabc')
  const reader: BodyReader = {
    sizeBytes: 100,
    inMemory: () => null,
    async *read() {
      yield raw
    },
  }
  await assert.rejects(
    fetched(reader, parseMessage(raw).root, { part: [], text: 'all' }, null),
    /literal of 100/,
  )
})
