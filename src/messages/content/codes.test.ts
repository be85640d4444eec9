/** One-time codes and links: a corpus of mails with its score, and what hostile text costs. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CodeSource, findCodes, findLinks } from './codes.ts'

type Mail = { name: string; codes: string[]; source: CodeSource; links: string[] }

const mails = readCorpus()

function readCorpus(): Mail[] {
  const text = readFileSync(new URL('./codes-corpus.txt', import.meta.url), 'utf8')
  return text
    .split(/^= /m)
    .slice(1)
    .map((block) => {
      const [head = '', ...lines] = block.split('\n')
      const [codes = '', name = ''] = head.split(' | ')
      const fields = lines.flatMap((line) => {
        const found = /^([STHL]): (.*)$/.exec(line)
        return found ? [{ key: found[1] ?? '', value: unescaped(found[2] ?? '') }] : []
      })
      const of = (key: string): string | null => fields.find((field) => field.key === key)?.value ?? null
      return {
        name,
        codes: codes === '-' ? [] : codes.split(','),
        source: { subject: of('S'), text: of('T'), html: of('H') },
        links: fields.filter(({ key }) => key === 'L').map(({ value }) => value),
      }
    })
}

function unescaped(text: string): string {
  return text
    .replaceAll('\\n', '\n')
    .replace(/\\u([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

test('the corpus: each mail gives its code first, and no other mail gives one', (t) => {
  const wrong: string[] = []
  for (const { name, codes, source } of mails) {
    const found = findCodes(source)
    const isRight = codes.length === 0 ? found.length === 0 : found[0]?.code === codes[0]
    if (!isRight) wrong.push(`${name}: ${JSON.stringify(found)}, not ${codes.join()}`)
  }
  const withCode = mails.filter(({ codes }) => codes.length > 0).length
  t.diagnostic(`${mails.length - wrong.length} of ${mails.length} mails are right, ${withCode} have a code`)
  for (const line of wrong) t.diagnostic(line)
  assert.ok(mails.length >= 95 && mails.length - withCode >= 30)
  assert.ok(wrong.length === 0, wrong.join('\n'))
})

test('the corpus: no other number beside a code', (t) => {
  const extra = mails.flatMap(({ name, codes, source }) =>
    findCodes(source)
      .filter(({ code }) => !codes.includes(code))
      .map(({ code, confidence }) => `${name}: ${code} ${confidence}`),
  )
  t.diagnostic(`${extra.length} numbers besides: ${extra.join('; ')}`)
  assert.deepEqual(extra, [])
})

test('the corpus: its links', () => {
  for (const { name, source, links } of mails) {
    const found = findLinks(source).map(({ kind, url }) => `${kind} ${url}`)
    assert.deepEqual(found, links, name)
  }
})

test('where it was found, in which words, and where in the text', () => {
  const text = 'Hi,\r\n\r\n\r\nyour   login code is\r\n\r\n482 913\r\n\r\nBye'
  const [found] = findCodes({ subject: 'Welcome', text, html: null })
  assert.ok(found)
  assert.equal(found.code, '482913')
  assert.equal(found.foundIn, 'text')
  assert.equal(found.position, text.indexOf('482'))
  assert.equal(found.context, 'Hi, your login code is 482 913 Bye')
  assert.ok(found.confidence > 0.8)
})

test('a code that is in several places comes once, where it is surest', () => {
  const source = { subject: '482913', text: 'Your login code: 482913', html: '<p>Code</p><p>482913</p>' }
  assert.deepEqual(
    findCodes(source).map(({ code, foundIn }) => [code, foundIn]),
    [['482913', 'text']],
  )
})

test('what the HTML hides from people is no code and no link', () => {
  const link = '<a href="https://x.test/verify?token=abc">Verify your email</a>'
  const hidden = `<div style="display:none">Your login code is 118822. ${link}</div>`
  const source = { subject: null, text: null }
  assert.deepEqual(findCodes({ ...source, html: hidden }), [])
  assert.deepEqual(findLinks({ ...source, html: hidden }), [])
  const html = `${hidden}<p>Your login code is 482913. ${link}</p>`
  assert.deepEqual(
    findCodes({ ...source, html }).map(({ code }) => code),
    ['482913'],
  )
  assert.equal(findLinks({ ...source, html }).length, 1)
})

const badLinks: [what: string, html: string][] = [
  ['a script', '<a href="javascript:verify(1234567890123456)">Verify your email</a>'],
  ['a mail address', '<a href="mailto:verify-1234567890123456@x.test">Verify your email</a>'],
  ['a file', '<a href="file:///verify/1234567890123456">Verify your email</a>'],
  ['no URL', '<a href="https://">Verify your email</a>'],
  ['a front page', '<a href="https://x.test/">Verify your email</a>'],
  ['an anchor without an address', '<a name="verify-1234567890123456">Verify your email</a>'],
]
for (const [what, html] of badLinks) {
  test(`a link that is none: ${what}`, () => assert.deepEqual(findLinks({ text: null, html }), []))
}

test('a link comes once, with the words on it', () => {
  const url = 'https://x.test/verify?token=abc'
  const html = `<A class='b' HREF='${url}'><img alt="Verify now" src=x></A><a href="${url}">again</a>`
  const found = findLinks({ text: `Verify your address: ${url}.`, html })
  assert.deepEqual(found, [{ url, kind: 'verification', text: 'Verify now', foundIn: 'html' }])
  assert.equal(
    findLinks({ text: `Verify your address:\n\n${url}.`, html: null })[0]?.text,
    'Verify your address:',
  )
})

test('properties: never an error, bounded, and what is told of stands in the text', () => {
  const piece = fc.constantFrom(
    ...[
      'code',
      ' ',
      '\n',
      '123456',
      '12',
      '-',
      ':',
      'Your verification code is ',
      '<a href="',
      'https://x.test/verify?',
      '@',
      '>',
    ],
    ...[
      '\u200b',
      '验证码',
      '1 2 3 4',
      'G-123456',
      '+',
      '$',
      '\ud800',
      '&#49;',
      '</a>',
      'ABC-DEF',
      '2026',
      '\t',
    ],
  )
  const text = fc
    .array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 60 })
    .map((all) => all.join(''))
  fc.assert(
    fc.property(fc.option(text), fc.option(text), fc.option(text), (subject, body, html) => {
      const codes = findCodes({ subject, text: body, html })
      assert.ok(codes.length <= 10)
      assert.equal(new Set(codes.map(({ code }) => code)).size, codes.length)
      for (const { code, confidence, context, foundIn, position } of codes) {
        assert.match(code, /^[A-Za-z0-9–-]{4,14}$/)
        assert.ok(confidence >= 0.5 && confidence <= 1 && context.isWellFormed())
        if (foundIn === 'text') assert.ok(/[\w\uff10-\uff19]/.test(body?.charAt(position) ?? ''))
      }
      const links = findLinks({ text: body, html })
      assert.ok(links.length <= 20 && links.every(({ url }) => /^https?:\/\//.test(url)))
    }),
    { numRuns: 300 },
  )
})

const hostile: [what: string, piece: string][] = [
  ['digits', '1'],
  ['numbers', '123456 '],
  ['lone digits', '1 '],
  ['cues', 'your code is '],
  ['the beginning of a cue', 'is your '],
  ['cues and numbers', 'verification code 123456\n'],
  ['anchors', '<a '],
  ['anchors with addresses', '<a href="https://x.test/verify?token=1'],
  ['quotes', '<a href="'],
  ['tags that do not end', '<div title="'],
  ['URLs', 'https://x.test/verify/12345678901234567890 '],
  ['at signs', '@'],
  ['addresses', 'aaaaaaaaaaaaaaaaaaaa@'],
  ['hyphens', 'A-'],
  ['spaces', ' '],
  ['unseen characters', '\u200b'],
  ['words', 'enter the following code to '],
  ['Chinese', '验证码123456'],
]
const charsMax = 2 * 1024 * 1024
for (const [what, piece] of hostile) {
  test(`2 MB of ${what} cost what their length says`, () => {
    const text = piece.repeat(Math.ceil(charsMax / piece.length))
    const cost = (chars: number): number => {
      const part = text.slice(0, chars)
      const startedMs = performance.now()
      findCodes({ subject: part.slice(0, 1000), text: part, html: part })
      findLinks({ text: part, html: part })
      return performance.now() - startedMs
    }
    cost(1000)
    const quarterMs = Math.max(50, cost(charsMax / 4))
    const wholeMs = cost(charsMax)
    assert.ok(wholeMs < 12 * quarterMs, `${Math.round(quarterMs)} ms and ${Math.round(wholeMs)} ms`)
  })
}
