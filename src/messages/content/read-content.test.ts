/** What is text and what is an attachment, in the shapes that mail programs give their messages. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { memoryBody } from '../../testing/memory-body.ts'
import { parseMessage } from '../mime/structure.ts'
import { attachmentsOf, contentOf, hasAttachments, textCharsMax } from './read-content.ts'

/** A part: its header lines, and its text or its parts. */
type Part = { head: string[]; body: string | Part[] }

const part = (head: string, ...body: (string | Part)[]): Part => ({
  head: head.split('\n'),
  body: body.every((one) => typeof one !== 'string') ? body : body.join(''),
})

let boundaries = 0

function write({ head, body }: Part): string {
  if (typeof body === 'string') return [...head, '', body].join('\r\n')
  const boundary = `=_${++boundaries}`
  const parts = body.map((one) => `--${boundary}\r\n${write(one)}\r\n`)
  return `${head.join('\r\n')}; boundary="${boundary}"\r\n\r\n${parts.join('')}--${boundary}--\r\n`
}

const plain = (text: string) => part('Content-Type: text/plain; charset=utf-8', text)
const html = (text: string) => part('Content-Type: text/html; charset=utf-8', text)
const mixed = (...parts: Part[]) => part('Content-Type: multipart/mixed', ...parts)
const related = (...parts: Part[]) => part('Content-Type: multipart/related', ...parts)
const alternative = (...parts: Part[]) => part('Content-Type: multipart/alternative', ...parts)

type Want = {
  text?: string
  html?: string
  /** `number disposition type name <content id>` */
  files?: string[]
  has?: boolean
}

const shapes: [what: string, message: Part, want: Want][] = [
  ['plain text', plain('hello'), { text: 'hello' }],
  ['HTML alone', html('<p>hello'), { html: '<p>hello' }],
  ['no Content-Type at all', part('Subject: x', 'hello'), { text: 'hello' }],
  ['both texts', alternative(plain('a'), html('<b>a')), { text: 'a', html: '<b>a' }],
  [
    'Gmail: both, a picture in the HTML, a file',
    mixed(
      related(
        alternative(plain('a'), html('<img src="cid:ii_1">')),
        part(
          'Content-Type: image/png; name="image.png"\nContent-Disposition: inline; filename="image.png"\nContent-ID: <ii_1>\nX-Attachment-Id: ii_1',
          'x',
        ),
      ),
      part(
        'Content-Type: application/pdf; name="a.pdf"\nContent-Disposition: attachment; filename="a.pdf"\nContent-ID: <f_1>',
        'x',
      ),
    ),
    {
      text: 'a',
      html: '<img src="cid:ii_1">',
      files: ['1 inline image/png image.png <ii_1>', '2 attachment application/pdf a.pdf <f_1>'],
      has: true,
    },
  ],
  [
    'Outlook: pictures without a disposition',
    related(
      alternative(plain('a'), html('<img src="cid:image001.png@01D">')),
      part('Content-Type: image/png; name="image001.png"\nContent-ID: <image001.png@01D>', 'x'),
    ),
    {
      text: 'a',
      html: '<img src="cid:image001.png@01D">',
      files: ['1 inline image/png image001.png <image001.png@01D>'],
    },
  ],
  [
    'Apple Mail: text, a PDF that it shows, and more text',
    alternative(
      plain('above\nbelow'),
      mixed(
        html('<p>above'),
        part('Content-Type: application/pdf; name=a.pdf\nContent-Disposition: inline; filename=a.pdf', 'x'),
        html('<p>below'),
      ),
    ),
    {
      text: 'above\nbelow',
      html: '<p>above\n<p>below',
      files: ['1 attachment application/pdf a.pdf'],
      has: true,
    },
  ],
  [
    'Apple Mail: photos between plain texts',
    mixed(
      plain('look:'),
      part(
        'Content-Type: image/jpeg; name=IMG_1.jpeg\nContent-Disposition: inline; filename=IMG_1.jpeg',
        'x',
      ),
      plain('bye'),
    ),
    { text: 'look:\nbye', files: ['1 attachment image/jpeg IMG_1.jpeg'], has: true },
  ],
  [
    'a picture that a related message has beside its HTML in no picture’s type',
    related(html('<a href="cid:x">'), part('Content-Type: application/octet-stream\nContent-ID: <x>', 'x')),
    { html: '<a href="cid:x">', files: ['1 inline application/octet-stream <x>'] },
  ],
  [
    'Thunderbird: a text file behind the text',
    mixed(
      plain('see file'),
      part(
        'Content-Type: text/plain; name="notes.txt"\nContent-Disposition: attachment; filename="notes.txt"',
        'x',
      ),
    ),
    { text: 'see file', files: ['1 attachment text/plain notes.txt'], has: true },
  ],
  [
    'a further text that has a name is a file, one without is text',
    mixed(
      plain('one'),
      part('Content-Type: text/plain; name="two.txt"', 'two'),
      part('Content-Type: text/plain\nContent-Disposition: inline', 'three'),
    ),
    { text: 'one\nthree', files: ['1 attachment text/plain two.txt'], has: true },
  ],
  [
    'the message’s own text has a name',
    part('Content-Type: text/plain; name="message.txt"', 'hello'),
    { text: 'hello' },
  ],
  [
    'a text that is an attachment and nothing else',
    part('Content-Type: text/csv; name=a.csv\nContent-Disposition: attachment', 'a,b'),
    { files: ['1 attachment text/csv a.csv'], has: true },
  ],
  [
    'an invitation, as Google Calendar sends it',
    mixed(
      alternative(
        plain('Join'),
        html('<p>Join'),
        part('Content-Type: text/calendar; method=REQUEST', 'BEGIN:VCALENDAR'),
      ),
      part(
        'Content-Type: application/ics; name="invite.ics"\nContent-Disposition: attachment; filename="invite.ics"',
        'x',
      ),
    ),
    {
      text: 'Join',
      html: '<p>Join',
      files: ['1 attachment text/calendar', '2 attachment application/ics invite.ics'],
      has: true,
    },
  ],
  [
    'an invitation, as Outlook sends it',
    alternative(plain('Join'), html('<p>Join'), part('Content-Type: text/calendar; method=REQUEST', 'x')),
    { text: 'Join', html: '<p>Join', files: ['1 attachment text/calendar'] },
  ],
  [
    'winmail.dat',
    mixed(
      plain('hello'),
      part(
        'Content-Type: application/ms-tnef; name="winmail.dat"\nContent-Disposition: attachment; filename="winmail.dat"',
        'x',
      ),
    ),
    { text: 'hello', files: ['1 attachment application/ms-tnef winmail.dat'], has: true },
  ],
  [
    'signed by S/MIME',
    part(
      'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256',
      alternative(plain('a'), html('<p>a')),
      part(
        'Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Disposition: attachment; filename=smime.p7s',
        'x',
      ),
    ),
    { text: 'a', html: '<p>a', files: ['1 attachment application/pkcs7-signature smime.p7s'] },
  ],
  [
    'signed by PGP, with a file',
    part(
      'Content-Type: multipart/signed; protocol="application/pgp-signature"',
      mixed(plain('a'), part('Content-Type: application/zip; name=a.zip', 'x')),
      part('Content-Type: application/pgp-signature; name="signature.asc"', 'x'),
    ),
    {
      text: 'a',
      files: ['1 attachment application/zip a.zip', '2 attachment application/pgp-signature signature.asc'],
      has: true,
    },
  ],
  [
    'encrypted by PGP',
    part(
      'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"',
      part('Content-Type: application/pgp-encrypted', 'Version: 1'),
      part(
        'Content-Type: application/octet-stream; name="encrypted.asc"\nContent-Disposition: inline; filename="encrypted.asc"',
        'x',
      ),
    ),
    {
      files: [
        '1 attachment application/pgp-encrypted',
        '2 attachment application/octet-stream encrypted.asc',
      ],
      has: true,
    },
  ],
  [
    'encrypted by S/MIME',
    part(
      'Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\nContent-Disposition: attachment',
      'x',
    ),
    { files: ['1 attachment application/pkcs7-mime smime.p7m'], has: true },
  ],
  [
    'a bounce',
    part(
      'Content-Type: multipart/report; report-type=delivery-status',
      plain('It came back.'),
      part('Content-Type: message/delivery-status', 'Reporting-MTA: dns; x'),
      part('Content-Type: text/rfc822-headers', 'Subject: x'),
    ),
    {
      text: 'It came back.',
      files: ['1 attachment message/delivery-status', '2 attachment text/rfc822-headers'],
    },
  ],
  [
    'a message forwarded as an attachment, with a file of its own',
    mixed(
      plain('see below'),
      part(
        'Content-Type: message/rfc822\nContent-Disposition: attachment',
        write({ head: ['Subject: =?utf-8?q?gr=C3=BCn/blau?='], body: 'inner' }),
      ),
    ),
    { text: 'see below', files: ['1 attachment message/rfc822 grün blau.eml'], has: true },
  ],
  [
    'a digest',
    part(
      'Content-Type: multipart/digest',
      part('Content-Description: one', 'Subject: one\r\n\r\nfirst'),
      part('Content-Description: two', 'From: x\r\n\r\nsecond'),
    ),
    { files: ['1 attachment message/rfc822 one.eml', '2 attachment message/rfc822 message.eml'], has: true },
  ],
  ['an empty text', plain(''), { text: '' }],
  [
    'no text: a picture alone',
    part('Content-Type: image/png; name=a.png', 'x'),
    { files: ['1 attachment image/png a.png'], has: true },
  ],
  ['multiparts without parts', mixed(), { text: '' }],
  [
    'an unknown disposition is an attachment',
    part('Content-Type: text/plain\nContent-Disposition: form-data', 'x'),
    { files: ['1 attachment text/plain'], has: true },
  ],
  [
    'a Content-ID without brackets',
    part('Content-Type: image/gif\nContent-ID: x@y', 'x'),
    { files: ['1 inline image/gif <x@y>'] },
  ],
]

for (const [what, message, want] of shapes) {
  test(what, async () => {
    const raw = Buffer.from(write(message))
    const { root } = parseMessage(raw)
    const { text, html: rich, isTruncated } = await contentOf(memoryBody(raw), root)
    const lines = (one: string | null) => one?.replaceAll('\r\n', '\n') ?? undefined
    const files = attachmentsOf(root).map(({ number, disposition, contentType, filename, contentId }) =>
      [number, disposition, contentType, filename, contentId === null ? null : `<${contentId}>`]
        .filter((one) => one !== null)
        .join(' '),
    )
    assert.deepEqual(
      { text: lines(text), html: lines(rich), files, has: hasAttachments(root), isTruncated },
      {
        text: want.text,
        html: want.html,
        files: want.files ?? [],
        has: want.has ?? false,
        isTruncated: false,
      },
    )
  })
}

const names: [parameter: string, want: string | null][] = [
  ['filename="a.txt"', 'a.txt'],
  ['filename=a b.txt', 'a b.txt'],
  ['filename="../../etc/passwd"', 'passwd'],
  ['filename="C:\\\\Windows\\\\system.ini"', 'system.ini'],
  ['filename="/"', null],
  ['filename=".."', null],
  ['filename="."', null],
  ['filename="   "', null],
  ['filename=""', null],
  ['filename=".profile"', '.profile'],
  ["filename*=utf-8''%e2%82%ac.txt", '€.txt'],
  ["filename*=iso-8859-1''%A3.txt", '£.txt'],
  ["filename*0*=utf-8''%e2%82; filename*1*=%ac; filename*2=.txt", '€.txt'],
  ['filename="=?utf-8?b?4oKsLnR4dA==?="', '€.txt'],
  ["filename*=utf-8''a%0d%0aX-Evil:%20b", 'a X-Evil: b'],
  ["filename*=utf-8''a%00b.txt", 'a\ufffdb.txt'],
  ["filename*=utf-8''photo%e2%80%aegnp.exe", 'photognp.exe'],
  [`filename="${'a'.repeat(300)}.pdf"`, `${'a'.repeat(196)}.pdf`],
  [`filename="${'a'.repeat(300)}"`, 'a'.repeat(200)],
]
for (const [parameter, want] of names) {
  test(`the file name of ${parameter.slice(0, 60)}`, () => {
    const raw = Buffer.from(`Content-Disposition: attachment; ${parameter}\r\n\r\nx`)
    assert.equal(attachmentsOf(parseMessage(raw).root)[0]?.filename, want)
  })
}

test('a text is cut where it gets too long, and says so', async () => {
  const raw = Buffer.from(write(mixed(plain('a'.repeat(textCharsMax - 10)), plain('b'.repeat(100)))))
  const { root } = parseMessage(raw)
  const { text, isTruncated } = await contentOf(memoryBody(raw, 100_000), root)
  assert.ok(isTruncated)
  assert.ok(text !== null && text.length <= textCharsMax + 1 && text.endsWith('b'))
})

test('whatever comes: names are safe, numbers count, and every leaf is text or a file', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('..', '/', '\u202e', '\ud800', 'a\r\nb'),
  )
  fc.assert(
    fc.property(fc.array(name, { maxLength: 5 }), (given) => {
      const parts = given.map((one) =>
        part(
          `Content-Type: application/x\nContent-Disposition: attachment; filename*=utf-8''${percent(one)}`,
          'x',
        ),
      )
      const found = attachmentsOf(parseMessage(Buffer.from(write(mixed(plain('x'), ...parts)))).root)
      assert.deepEqual(
        found.map(({ number }) => number),
        given.map((_, index) => index + 1),
      )
      for (const { filename } of found) {
        if (filename === null) continue
        assert.ok(filename.isWellFormed() && filename.length <= 200)
        assert.doesNotMatch(filename, /[\p{Cc}/\\\u202a-\u202e\u2066-\u2069]|^\.*$|^\s|\s$/u)
      }
    }),
  )
})

const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
