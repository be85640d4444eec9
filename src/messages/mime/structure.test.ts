import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { mimeLimits } from './mime-limits.ts'
import { type SectionText, sectionRange } from './sections.ts'
import { createStructureParser, type MimePart, parseMessage } from './structure.ts'

const fixtures = new URL('./fixtures/', import.meta.url)

for (const file of readdirSync(fixtures).filter((name) => name.endsWith('.eml'))) {
  const raw = readFileSync(new URL(file, fixtures))
  const want = JSON.parse(readFileSync(new URL(file.replace('.eml', '.json'), fixtures), 'utf8'))

  test(`${file}: structure and envelope`, () => {
    assert.deepEqual(parseMessage(raw), want.parsed)
  })

  test(`${file}: the bytes of every section`, () => {
    const parsed = parseMessage(raw)
    for (const [name, bytes] of Object.entries<string>(want.sections)) {
      const { path, text } = parseSectionName(name)
      const range = sectionRange(parsed, path, text)
      assert.ok(range !== null, name)
      assert.equal(raw.toString('latin1', range.start, range.end), bytes, name)
    }
  })

  test(`${file}: byte by byte`, () => {
    const parser = createStructureParser()
    for (const byte of raw) parser.write(Buffer.of(byte))
    assert.deepEqual(parser.end(), want.parsed)
  })
}

function parseSectionName(name: string): { path: number[]; text: SectionText } {
  const [, numbers = '', text] = /^([\d.]*?)\.?(HEADER|TEXT|MIME)?$/.exec(name) ?? []
  const path = numbers === '' ? [] : numbers.split('.').map(Number)
  return { path, text: text === 'HEADER' || text === 'TEXT' || text === 'MIME' ? text : null }
}

/** A structure in one line: `mixed(plain:5/0 html:12/1)` is the body's bytes and lines of every leaf. */
function sketch(part: MimePart): string {
  if (part.parts !== undefined) return `${part.subtype}(${part.parts.map(sketch).join(' ')})`
  if (part.message !== undefined) return `${part.subtype}<${sketch(part.message.part)}>/${part.lines}`
  return `${part.subtype}:${part.end - part.bodyStart}/${part.lines}`
}

const mixed = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n'
const rfc822 = 'Content-Type: message/rfc822\r\n\r\n'
const rows: [what: string, raw: string, want: string][] = [
  ['nothing at all', '', 'plain:0/0'],
  ['only a blank line', '\r\n', 'plain:0/0'],
  ['a header that does not end', 'Subject: x', 'plain:0/0'],
  ['no header', '\r\nabc\r\n', 'plain:5/1'],
  ['a last line without line end', '\r\nabc\r\nde', 'plain:7/1'],
  ['a bare CR ends no line', '\r\na\rb\r\r\nc', 'plain:7/1'],
  ['NUL bytes', '\r\n\0\0\n\0', 'plain:4/1'],
  [
    'a line of white space does not end the header',
    'A: b\r\n \r\nContent-Type: text/html\r\n\r\n',
    'html:0/0',
  ],
  ['one part', `${mixed}--b\r\n\r\nx\r\n--b--\r\n`, 'mixed(plain:1/0)'],
  ['an open delimiter at the very end', `${mixed}--b\r\n\r\nx\r\n--b`, 'mixed(plain:1/0 plain:0/0)'],
  ['a close-delimiter at the very end', `${mixed}--b\r\n\r\nx\r\n--b--`, 'mixed(plain:1/0)'],
  ['a delimiter padded with white space', `${mixed}--b \t\r\n\r\nx\r\n--b-- \t\r\n`, 'mixed(plain:1/0)'],
  ['a delimiter with text after it', `${mixed}--b\r\n\r\nx\r\n--b y\r\n--b--z\r\n--b--`, 'mixed(plain:16/2)'],
  ['a delimiter within a line', `${mixed}--b\r\n\r\nx --b\r\n--b--`, 'mixed(plain:5/0)'],
  ['another case', `${mixed}--b\r\n\r\nx\r\n--B\r\n--b--`, 'mixed(plain:6/1)'],
  ['nothing after the close-delimiter counts', `${mixed}--b--\r\n--b\r\n\r\nx\r\n`, 'mixed(plain:0/0)'],
  ['empty parts', `${mixed}--b\r\n--b\r\n\r\n--b\r\n\r\n\r\n--b--`, 'mixed(plain:0/0 plain:0/0 plain:0/0)'],
  ['a CR before the line end of the body', `${mixed}--b\r\n\r\nx\r\r\n--b--`, 'mixed(plain:2/0)'],
  [
    'a digest',
    `${mixed.replace('mixed', 'digest')}--b\r\n\r\nSubject: x\r\n\r\ny\r\n--b--`,
    'digest(rfc822<plain:1/0>/2)',
  ],
  ['an embedded message without anything', `${mixed}--b\r\n${rfc822}--b--`, 'mixed(rfc822<plain:0/0>/0)'],
  ['embedded in embedded', `${rfc822}${rfc822}${rfc822}\r\nx\r\n`, 'rfc822<rfc822<rfc822<plain:3/1>/2>/4>/6'],
  ['an empty boundary', 'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n', 'plain:4/1'],
  ['a type without a slash', 'Content-Type: html\r\n\r\nx', 'plain:1/0'],
  [
    'the same boundary inside',
    `${mixed}--b\r\n${mixed}--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--`,
    'mixed(mixed(plain:1/0) plain:1/0)',
  ],
  [
    'a boundary of 200 bytes',
    `Content-Type: multipart/mixed; boundary=${'x'.repeat(200)}\r\n\r\n--${'x'.repeat(200)}\r\n\r\ny`,
    'mixed(plain:1/0)',
  ],
  [
    'a boundary of 1,000 bytes is none',
    `Content-Type: multipart/mixed; boundary=${'x'.repeat(1000)}\r\n\r\n--${'x'.repeat(1000)}\r\n\r\ny`,
    'plain:1007/2',
  ],
  [
    'a close-delimiter that is also the open delimiter of the inner multipart',
    `${mixed}--b\r\nContent-Type: multipart/mixed; boundary=b--\r\n\r\n--b--\r\n\r\nx\r\n--b----\r\n--b--\r\n`,
    'mixed(mixed(plain:1/0))',
  ],
  [
    'the same the other way round',
    `${mixed.replace('=b', '=b--')}--b--\r\n${mixed}--b\r\n\r\nx\r\n--b--\r\n--b--\r\n\r\ny\r\n--b----\r\n`,
    'mixed(mixed(plain:1/0) plain:1/0)',
  ],
  [
    'a boundary in UTF-8',
    'Content-Type: multipart/mixed; boundary="ö"\r\n\r\n--ö\r\n\r\nx\r\n--ö--',
    'mixed(plain:1/0)',
  ],
]
for (const [what, raw, want] of rows) {
  test(what, () => assert.equal(sketch(parseMessage(Buffer.from(raw)).root), want))
}

test('thousands of parts are described up to the bound', () => {
  const raw = Buffer.from(`${mixed}${'--b\r\n\r\nx\r\n'.repeat(5_000)}--b--\r\n`)
  const parsed = parseMessage(raw)
  assert.equal(parsed.truncated, true)
  assert.equal(parsed.root.parts?.length, mimeLimits.partsMax - 1) // the root is one too
  assert.equal(parsed.root.end, raw.length)
})

test('multiparts nested too deep become opaque leaves', () => {
  const level = (n: number) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`
  const raw = Buffer.from(Array.from({ length: 500 }, (_, n) => level(n)).join(''))
  const parsed = parseMessage(raw)
  assert.equal(parsed.truncated, true)
  assert.match(sketch(parsed.root), /^(mixed\(){63}octet-stream:\d+\/0\){63}$/)
})

test('embedded messages nested too deep become opaque leaves', () => {
  const parsed = parseMessage(Buffer.from(rfc822.repeat(500)))
  assert.equal(parsed.truncated, true)
  assert.match(sketch(parsed.root), /^(rfc822<){63}octet-stream:\d+\/0(>\/\d+){63}$/)
})

test('a header of 10 MB: fields at its beginning count, and the offsets stay right', () => {
  const header = `Subject: big\r\n${'X-Filler: y\r\n'.repeat(800_000)}From: late@example.test\r\n\r\n`
  const parsed = parseMessage(Buffer.from(`${header}body`))
  assert.equal(parsed.root.bodyStart, header.length)
  assert.equal(parsed.envelope.subject, 'big')
  assert.deepEqual(parsed.envelope.from, [])
  assert.equal(parsed.truncated, true)
})

test('a header field that was cut is not read at all', () => {
  const to = 'a@example.test, '.repeat(20_000)
  assert.deepEqual(parseMessage(Buffer.from(`Subject: x\r\nTo: ${to}\r\n\r\n`)).envelope.to, [])
})

test('the headers of all parts together have a bound', () => {
  const part = `--b\r\nContent-Type: text/html\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`
  const parsed = parseMessage(Buffer.from(mixed + part.repeat(20)))
  const html = parsed.root.parts?.filter((child) => child.subtype === 'html').length ?? 0
  assert.ok(html >= 10 && html <= 11, String(html))
  assert.equal(parsed.root.parts?.length, 20)
  assert.equal(parsed.truncated, true)
})

test('a header line longer than what is kept of it is the same in pieces', () => {
  const raw = Buffer.from(`Subject: ${'x'.repeat(mimeLimits.headerBytesPerPartMax)}\r\n`)
  const parser = createStructureParser()
  for (let at = 0; at < raw.length; at += 65_536) parser.write(raw.subarray(at, at + 65_536))
  const parsed = parser.end()
  assert.equal(parsed.truncated, true)
  assert.deepEqual(parsed, parseMessage(raw))
})

test('hostile header fields do not take long', () => {
  const units = [
    '"',
    '"\\',
    '\\"',
    '(',
    '()',
    '<',
    '<"',
    '<a,',
    '@',
    'a@',
    'a <',
    ':',
    ';',
    '[',
    '@[',
    '=?',
    '=?a?q?',
    ' ',
    '. ',
  ]
  for (const unit of [...units, 'a="', 'a=', 'a=b ', 'a*1=b;', 'a="\\"', 'x\r\n ']) {
    const value = unit.repeat(Math.floor(200_000 / unit.length))
    for (const name of ['To', 'Content-Type: text/plain; a="', 'Content-Language', 'References']) {
      const started = performance.now()
      parseMessage(Buffer.from(`${name}: ${value}\r\n\r\n`))
      assert.ok(performance.now() - started < 2_000, `${name} ${unit}`)
    }
  }
})

test('chunks may be reused after they were written', () => {
  const raw = Buffer.from(`${mixed}--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b--`)
  const parser = createStructureParser()
  const chunk = Buffer.alloc(7)
  for (let at = 0; at < raw.length; at += chunk.length) {
    parser.write(chunk.subarray(0, raw.copy(chunk, 0, at)))
  }
  assert.deepEqual(parser.end(), parseMessage(raw))
})
