/**
 * Over a real socket: whatever a message looks like, each section that FETCH gives is the slice that an independent
 * reading of the message finds there, and the octets and lines of BODYSTRUCTURE are those of that slice.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { type NaivePart, readNaively, sectionsOf } from '../../../testing/naive-mime.ts'
import { type RawClient, startTestImap, type TestImap } from '../../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

/** Lines that may stand anywhere; boundaries are prefixes of one another. */
const boundaries = ['b', 'b1', 'b11', 'bb', 'b ob']
const noise = [
  'text',
  '',
  '--',
  '--x',
  '--b2',
  'X-Field: value',
  'Subject: =?utf-8?Q?a?=',
  'no colon here',
  '\xe9\xffraw',
  '--b11 y',
  '\r',
  'Content-Disposition: attachment; filename="a"',
]
const delimiters = boundaries.flatMap((boundary) => [`--${boundary}`, `--${boundary}--`, `--${boundary}  `])
const lineEnd = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n')

type Tree =
  | { kind: 'leaf'; lines: string[] }
  | {
      kind: 'multipart'
      subtype: string
      boundary: string
      preamble: string[]
      children: Tree[]
      closes: boolean
    }
  | { kind: 'message'; inner: Tree }

const text = fc.array(fc.constantFrom(...noise), { maxLength: 5 })
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({ kind: fc.constant('leaf' as const), lines: text }),
    fc.record({
      kind: fc.constant('multipart' as const),
      subtype: fc.constantFrom('mixed', 'alternative', 'digest'),
      boundary: fc.constantFrom(...boundaries),
      preamble: text,
      children: fc.array(tie('tree'), { maxLength: 4 }),
      closes: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('message' as const), inner: tie('tree') }),
  ),
}))

function linesOf(node: Tree): string[] {
  if (node.kind === 'leaf') return ['Content-Type: text/plain', '', ...node.lines]
  if (node.kind === 'message') return ['Content-Type: message/rfc822', '', ...linesOf(node.inner)]
  const { boundary } = node
  return [
    `Content-Type: multipart/${node.subtype}; boundary="${boundary}"`,
    '',
    ...node.preamble,
    ...node.children.flatMap((child) => [`--${boundary}`, ...linesOf(child)]),
    ...(node.closes ? [`--${boundary}--`, 'epilogue'] : []),
  ]
}

type Mutation = { at: number; how: 'delete' | 'repeat' | 'insert'; line: string }
const mutation = fc.record<Mutation>({
  at: fc.nat(60),
  how: fc.constantFrom('delete', 'repeat', 'insert'),
  line: fc.constantFrom(
    ...noise,
    ...delimiters,
    'Content-Type: message/rfc822',
    'Content-Type: multipart/mixed',
  ),
})

function mutate(lines: readonly string[], mutations: readonly Mutation[]): string[] {
  const mutated = [...lines]
  for (const { at, how, line } of mutations) {
    const index = at % (mutated.length + 1)
    if (how === 'delete') mutated.splice(index, 1)
    else mutated.splice(index, 0, how === 'insert' ? line : (mutated[index] ?? ''))
  }
  return mutated
}

const message = fc
  .tuple(
    tree,
    fc.array(mutation, { maxLength: 6 }),
    fc.array(lineEnd, { minLength: 1, maxLength: 7 }),
    fc.boolean(),
  )
  .map(([node, mutations, ends, isCut]) => {
    const lines = mutate(linesOf(node), mutations)
    const raw = lines.map((line, at) => line + ends[at % ends.length]).join('')
    return isCut ? raw.slice(0, -1) : raw
  })
  .filter((raw) => raw.length > 0)

test('every section and partial is the slice of the message, and the structure counts it right', async () => {
  const client = await imap.logIn(await imap.test.createMailbox())
  await client.ok('SELECT INBOX')
  let uid = 0
  await fc.assert(
    fc.asyncProperty(message, fc.nat(40), fc.integer({ min: 1, max: 30 }), async (raw, offset, count) => {
      const root = readNaively(raw)
      fc.pre(root !== null)
      client.send(`a APPEND INBOX ~{${raw.length}+}\r\n`)
      client.send(Buffer.from(`${raw}\r\n`, 'latin1'))
      const { tagged } = await client.answer('a')
      fc.pre(!tagged.startsWith('NO [UNKNOWN-CTE]')) // a NUL outside of a binary part is not taken
      assert.match(tagged, /^OK/)
      uid += 1
      await checkMessage(client, uid, raw, root, `<${offset}.${count}>`)
    }),
    { numRuns: 150 },
  )
})

async function checkMessage(
  client: RawClient,
  uid: number,
  raw: string,
  root: NaivePart,
  partial: string,
): Promise<void> {
  const sections = [{ name: '', start: 0, end: raw.length }, ...sectionsOf(root)]
  const [offset = 0, count = 0] = partial.match(/\d+/g)?.map(Number) ?? []
  const asked = sections.flatMap(({ name }) => [`BODY.PEEK[${name}]`, `BODY.PEEK[${name}]${partial}`])
  const items = await fetchItems(client, uid, ['RFC822.SIZE', 'BODYSTRUCTURE', ...asked.slice(0, 190)])
  assert.equal(items.get('RFC822.SIZE'), String(raw.length))
  for (const { name, start, end } of sections.slice(0, 95)) {
    const want = raw.slice(start, end)
    assert.equal(items.get(`BODY[${name}]`), want, `BODY[${name}]`)
    assert.equal(
      items.get(`BODY[${name}]<${offset}>`),
      want.slice(offset, offset + count),
      `BODY[${name}]${partial}`,
    )
  }
  checkStructure(items.get('BODYSTRUCTURE'), root, raw)
}

type Value = string | null | Value[]

/** Type, octets, lines and children of each part; `shown` is one body of the response. */
function checkStructure(shown: Value | undefined, part: NaivePart, raw: string): void {
  assert.ok(Array.isArray(shown))
  if (part.parts !== undefined) {
    for (const [index, child] of part.parts.entries()) checkStructure(shown[index], child, raw)
    assert.equal(`multipart/${shown[part.parts.length]}`, part.type)
    return
  }
  assert.equal(`${shown[0]}/${shown[1]}`, part.type)
  const body = raw.slice(part.bodyStart, part.end)
  const lines = String(body.split('\n').length - 1)
  assert.equal(shown[6], String(body.length))
  if (part.message !== undefined) {
    checkStructure(shown[8], part.message, raw)
    assert.equal(shown[9], lines)
  } else if (part.type.startsWith('text/')) assert.equal(shown[7], lines)
}

async function fetchItems(
  client: RawClient,
  uid: number,
  items: readonly string[],
): Promise<Map<string, Value>> {
  const wire = (await client.ok(`UID FETCH ${uid} (${items.join(' ')})`)).join('\r\n')
  const start = wire.indexOf(` FETCH (`) + 7
  const list = readValue(wire, start).value
  assert.ok(Array.isArray(list))
  const found = new Map<string, Value>()
  for (let at = 0; at < list.length; at += 2) found.set(String(list[at]), list[at + 1] ?? null)
  return found
}

/** One value of a response: atom, quoted string, literal or list. */
function readValue(wire: string, at: number): { value: Value; next: number } {
  if (wire[at] === '(') {
    const values: Value[] = []
    let next = at + 1
    while (wire[next] !== ')') {
      if (wire[next] === ' ') next += 1
      const read = readValue(wire, next)
      values.push(read.value)
      next = read.next
    }
    return { value: values, next: next + 1 }
  }
  const literal = /~?\{(\d+)\}\r\n/y
  literal.lastIndex = at
  const announced = literal.exec(wire)
  if (announced !== null) {
    const next = literal.lastIndex + Number(announced[1])
    return { value: wire.slice(literal.lastIndex, next), next }
  }
  const other = /"((?:[^"\\]|\\.)*)"|[^ ()[]+(?:\[[^\]]*\](?:<\d+>)?)?/y
  other.lastIndex = at
  const found = other.exec(wire)
  assert.ok(found !== null, `nothing to read at ${wire.slice(at, at + 40)}`)
  const quoted = found[1]
  if (quoted !== undefined) return { value: quoted.replace(/\\(.)/g, '$1'), next: other.lastIndex }
  return { value: found[0] === 'NIL' ? null : found[0], next: other.lastIndex }
}
