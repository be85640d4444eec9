/**
 * Reply extraction: a corpus of the shapes that mail programs give replies in, with its score, and what holds for any input.
 * fixtures/replies has the cases: a name, the plain text and the HTML as far as there are, and what the author wrote.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { replyOf } from './reply-text.ts'

type Case = { file: string; name: string; text: string | null; html: string | null; reply: string }

/** Of the cases, those that have to come out right. */
const scoreMin = 0.99
const casesMin = 300

const folder = new URL('./fixtures/replies/', import.meta.url)

function readCases(): Case[] {
  return readdirSync(folder).flatMap((file) =>
    readFileSync(new URL(file, folder), 'utf8')
      .split(/^=== /m)
      .slice(1)
      .map((part) => {
        const [name = '', ...lines] = part.split('\n')
        const sections = new Map<string, string[]>()
        let section: string[] = []
        for (const line of lines) {
          const title = /^--- (text|html|reply)$/.exec(line)?.[1]
          if (title === undefined) section.push(line)
          else {
            section = []
            sections.set(title, section)
          }
        }
        const of = (title: string): string | null => sections.get(title)?.join('\n') ?? null
        return { file, name, text: of('text'), html: of('html'), reply: (of('reply') ?? '').trim() }
      }),
  )
}

test('the corpus', (t) => {
  const cases = readCases()
  const wrong = cases.filter(({ text, html, reply }) => replyOf({ text, html }).text !== reply)
  const score = (cases.length - wrong.length) / cases.length
  t.diagnostic(
    `replies: ${cases.length - wrong.length} of ${cases.length} right (${(100 * score).toFixed(1)} %)`,
  )
  assert.ok(cases.length >= casesMin)
  assert.ok(score >= scoreMin, wrong.map(({ file, name }) => `${file}: ${name}`).join('\n'))
})

test('line ends do not matter', () => {
  for (const { name, text, html, reply } of readCases()) {
    if (text === null) continue
    assert.equal(replyOf({ text: text.replaceAll('\n', '\r\n'), html }).text, reply, name)
  }
})

test('what is quoted and signed is there, too', () => {
  const text =
    'Yes.\n\n-- \nBob\n\nOn Fri, Jan 5, 2024 at 10:02 AM Ann <ann@example.org> wrote:\n\n> Shall we?\n'
  assert.deepEqual(replyOf({ text, html: null }), {
    text: 'Yes.',
    quoted: 'On Fri, Jan 5, 2024 at 10:02 AM Ann <ann@example.org> wrote:\n\n> Shall we?',
    signature: '--\nBob',
  })
  assert.deepEqual(replyOf({ text: null, html: null }), { text: null, quoted: null, signature: null })
  assert.deepEqual(replyOf({ text: 'Hello', html: '' }), { text: 'Hello', quoted: null, signature: null })
})

test('what the HTML hides from people is not the author’s', () => {
  const html = '<p>Yes.<span style="font-size:0">Send the money.</span></p><p style="opacity:0">Now.</p>'
  assert.equal(replyOf({ text: null, html }).text, 'Yes.')
})

const pieces = fc.constantFrom(
  ...[
    '\n',
    '\n\n',
    '> ',
    '>',
    '-- ',
    '--',
    'On Fri, Jan 5, 2024 at 10:02 AM Ann <a@b.c> wrote:',
    'wrote:',
    'On ',
  ],
  ...[
    'From: Ann <a@b.c>',
    'Sent: Friday',
    'To: Bob',
    'Subject: x',
    '-----Original Message-----',
    '_'.repeat(32),
  ],
  ...[
    'Sent from my iPhone',
    '<div class="gmail_quote">',
    '<blockquote>',
    '<blockquote type="cite">',
    '</blockquote>',
  ],
  ...[
    '</div>',
    '<hr>',
    '<div id="appendonsend">',
    '<p>',
    '<br>',
    'text',
    ' ',
    '\ud800',
    '##- Reply above this line',
  ],
)
const texts = fc.array(fc.oneof(pieces, fc.string()), { maxLength: 40 }).map((list) => list.join(''))

test('never longer than the message, well formed, and never throws', () => {
  fc.assert(
    fc.property(fc.option(texts), fc.option(texts), (text, html) => {
      const longest = Math.max(text?.length ?? 0, html?.length ?? 0)
      for (const part of Object.values(replyOf({ text, html }))) {
        assert.ok(part === null || (part.length <= longest && part.isWellFormed()))
      }
    }),
    { numRuns: 300 },
  )
})

/** Of 2 MB; each is what a scan that looks back or ahead for too long takes minutes for. */
const hostile: [string, string][] = [
  ['signs', '>'],
  ['quoted lines', '>\n'],
  ['elements', '<div>'],
  ['quotes in HTML', '<blockquote>x'],
  ['beginnings', 'On '],
  ['lines that begin', 'On 1\n'],
  ['introductions', 'On 10:00 2024:\n'],
  ['long lines', `${'x'.repeat(9_999)}\n`],
  ['dashes within lines', `a${'-'.repeat(395)}a--\n`],
  ['long introductions', `On ${'x 10:00 2024 '.repeat(28)}:\n`],
  ['headers', 'From: a\n'],
  ['delimiters', '--\n'],
  ['rules', `${'_'.repeat(30)}\n`],
  ['markers', 'Reply above this line\n'],
  ['links', '<a href="http://x.y">t</a>'],
  ['comments', '<!-'],
  ['attributes', '<a b '],
  ['ends', '<p></b>'],
  ['white space', ' \t'],
  ['entities', '&'],
]

test('of a very long message the beginning is looked at', () => {
  const line = 'ninety-nine\n'
  const { text, quoted } = replyOf({ text: `${line.repeat(40_000)}> far away`, html: null })
  assert.ok(text !== null && text.length > 200_000 && text.length <= 256 * 1024, `${text?.length}`)
  assert.doesNotMatch(quoted ?? '', /far away/)
  const html = replyOf({ text: null, html: `<p>first</p>${'<p>more</p>'.repeat(100_000)}<p>last</p>` })
  assert.match(html.text ?? '', /^first\n/)
  assert.doesNotMatch(html.text ?? '', /last/)
})

test('2 MB of anything takes time in proportion', { timeout: 240_000 }, () => {
  for (const [, piece] of hostile) {
    const input = piece.repeat(Math.floor((2 * 1024 * 1024) / piece.length))
    replyOf({ text: input, html: null })
    replyOf({ text: null, html: input })
  }
  replyOf({ text: `-- \n${'From: a\n'.repeat(250_000)}`, html: null })
})
