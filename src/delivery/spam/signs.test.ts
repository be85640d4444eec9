/** Every sign of the table is seen where it should be, and nowhere else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { arrivalOf, authenticationOf, honestMessage, unproved } from '../../testing/test-spam.ts'
import type { Authentication } from '../inbound/arrival.ts'
import { authenticationSigns } from './authentication-signs.ts'
import { bodySigns } from './body-signs.ts'
import { heloSigns } from './client-signs.ts'
import { headerSigns } from './header-signs.ts'
import { inspectMessage } from './inspect.ts'
import { readLinks } from './links.ts'
import { type SymbolName, symbolTable } from './symbols.ts'

const seen = new Set<SymbolName>()

function namesOf(hits: readonly { name: SymbolName }[]): SymbolName[] {
  for (const { name } of hits) seen.add(name)
  return hits.map(({ name }) => name)
}

function html(body: string): string {
  return honestMessage({ 'Content-Type': 'text/html; charset=utf-8' }, body)
}

function withFile(name: string, content = 'x'): string {
  return honestMessage(
    { 'Content-Type': 'multipart/mixed; boundary=b' },
    [
      '--b',
      'Content-Type: text/plain',
      '',
      'Please see the file.',
      '--b',
      `Content-Type: application/octet-stream; name="${name}"`,
      `Content-Disposition: attachment; filename="${name}"`,
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from(content, 'latin1').toString('base64'),
      '--b--',
      '',
    ].join('\r\n'),
  )
}

const words =
  'Thank you for your order. It will be sent tomorrow and should reach you by the end of the week. All our best wishes, and see you soon. '
const date = (days: number): string => new Date(Date.now() + days * 86_400_000).toUTCString()
const people = (count: number): string =>
  Array.from({ length: count }, (_, i) => `p${i}@a.example`).join(', ')

const messages: [what: string, raw: string | Buffer, names: SymbolName[], smtputf8?: boolean][] = [
  ['an honest message', honestMessage(), []],
  ['no Message-ID', honestMessage({ 'Message-ID': null }), ['NO_MESSAGE_ID']],
  ['an empty Message-ID', honestMessage({ 'Message-ID': '' }), ['NO_MESSAGE_ID']],
  ['no Date', honestMessage({ Date: null }), ['NO_DATE']],
  ['no From', honestMessage({ From: null }), ['NO_FROM']],
  ['two Subjects', honestMessage({ subject: 'Another' }), ['REPEATED_FIELD']],
  ['two Froms', honestMessage({ from: 'eve@author.example' }), ['REPEATED_FIELD']],
  ['a date that is none', honestMessage({ Date: 'yesterday evening' }), ['DATE_INVALID']],
  ['a date with a comment', honestMessage({ Date: `${date(0).replace('GMT', '+0000')} (UTC)` }), []],
  ['a date two days ahead', honestMessage({ Date: date(2) }), ['DATE_FUTURE']],
  ['a date six days ago', honestMessage({ Date: date(-6) }), []],
  ['a date nine days ago', honestMessage({ Date: date(-9) }), ['DATE_PAST']],
  ['raw UTF-8 without SMTPUTF8', honestMessage({ Subject: 'Grüße' }), ['RAW_8BIT_HEADER']],
  ['raw UTF-8 with SMTPUTF8', honestMessage({ Subject: 'Grüße' }), [], true],
  ['a subject that shouts', honestMessage({ Subject: 'LAST CHANCE TODAY' }), ['SUBJECT_CAPITALS']],
  ['a short word in capitals', honestMessage({ Subject: 'NASA, FAQ' }), []],
  [
    'capitals in an encoded word',
    honestMessage({ Subject: '=?utf-8?q?GR=C3=9CSSE_AN_ALLE?=' }),
    ['SUBJECT_CAPITALS'],
  ],
  ['letters without a case', honestMessage({ Subject: '=?utf-8?b?5pyA5b6M44Gu44OB44Oj44Oz44K5?=' }), []],
  [
    'a name with another address',
    honestMessage({ From: '"info@bank.example" <x@evil.example>' }),
    ['NAME_HAS_ADDRESS'],
  ],
  ['a name with its own address', honestMessage({ From: '"ann@author.example" <ann@author.example>' }), []],
  [
    'a name with an address of its domain',
    honestMessage({ From: '"a@www.author.com" <ann@author.com>' }),
    [],
  ],
  ['answers to a free mailbox', honestMessage({ 'Reply-To': 'x@gmail.com' }), ['REPLY_TO_FREEMAIL']],
  ['answers elsewhere', honestMessage({ 'Reply-To': 'desk@help.example' }), []],
  ['a free mailbox as author too', honestMessage({ From: 'a@gmail.com', 'Reply-To': 'b@gmail.com' }), []],
  ['50 recipients', honestMessage({ To: people(50) }), []],
  ['60 recipients', honestMessage({ To: people(30), Cc: people(30) }), ['MANY_RECIPIENTS']],
  ['a program', withFile('setup.exe'), ['EXECUTABLE']],
  ['a script with spaces after its name', withFile('run.JS '), ['EXECUTABLE']],
  ['a program dressed up', withFile('invoice.pdf.exe'), ['DOUBLE_EXTENSION']],
  ['a program far to the right', withFile('invoice.pdf           .scr'), ['DOUBLE_EXTENSION']],
  ['a document', withFile('invoice.v2.pdf'), []],
  ['a file that is only named like one', withFile('exe'), []],
  ['an archive', withFile('a.zip', 'PK\x03\x04\x14\0\0\0rest'), []],
  ['an archive with a password', withFile('a.zip', 'PK\x03\x04\x14\0\x01\0rest'), ['ENCRYPTED_ARCHIVE']],
  ['an image and two words', html('<img src="cid:1"><p>Click here</p>'), ['IMAGE_ONLY']],
  ['an image beside a text', html(`<img src="cid:1"><p>${words}</p>`), []],
  ['short HTML without an image', html('<p>Click here</p>'), []],
  [
    'a link that shows another host',
    html(`<p>${words}<a href="https://evil.com/x">www.bank.com</a>`),
    ['LINK_NAMES_OTHER_HOST'],
  ],
  [
    'one over a nested tag',
    html(`<p>${words}<a class=b href='https://evil.com/x'><b>https://bank.com/login</b></a>`),
    ['LINK_NAMES_OTHER_HOST'],
  ],
  [
    'a link that shows its own domain',
    html(`<p>${words}<a href="https://click.bank.com/x">www.bank.com</a>`),
    [],
  ],
  ['a link that shows a file', html(`<p>${words}<a href="https://author.com/x">report.pdf</a>`), []],
  ['a link that shows words', html(`<p>${words}<a href="https://evil.com/x">our page</a>`), []],
  ['a shortened link in text', honestMessage({}, 'Look: https://bit.ly/abc'), ['URL_SHORTENER']],
  [
    'a shortened link in HTML',
    html(`<p>${words}<a href="https://tinyurl.com/x">here</a>`),
    ['URL_SHORTENER'],
  ],
  ['a host that only ends like one', honestMessage({}, 'https://notbit.ly/abc'), []],
  [
    'a charset that is none',
    honestMessage({ 'Content-Type': 'text/plain; charset=x-none' }),
    ['INVALID_CHARSET'],
  ],
  ['an old charset', honestMessage({ 'Content-Type': 'text/plain; charset=koi8-r' }), []],
]
for (const [what, raw, names, smtputf8 = false] of messages) {
  test(`${what}: ${names.join(', ') || 'nothing'}`, () => {
    const arrival = arrivalOf(raw, { smtputf8 })
    const inspected = inspectMessage(Buffer.from(raw), arrival.message.header)
    assert.deepEqual(namesOf([...headerSigns(arrival, inspected), ...bodySigns(inspected)]), names)
  })
}

const dmarc = authenticationOf().dmarc
const signature = { domain: 'author.example', selector: 's', aligned: true }
const failed = (
  policy: 'none' | 'quarantine' | 'reject',
  more: Partial<Authentication> = {},
): Authentication => authenticationOf({ dmarc: { ...dmarc, result: 'fail', policy }, ...more })
const authentications: [what: string, found: Authentication, names: SymbolName[]][] = [
  ['all passes', authenticationOf(), ['DMARC_PASS']],
  ['nothing is published', unproved, ['NOTHING_PROVED']],
  [
    'SPF fails',
    { ...unproved, spf: { result: 'fail', domain: 'a.example' } },
    ['SPF_FAIL', 'NOTHING_PROVED'],
  ],
  [
    'SPF softfails',
    { ...unproved, spf: { result: 'softfail', domain: 'a.example' } },
    ['SPF_SOFTFAIL', 'NOTHING_PROVED'],
  ],
  [
    'a signature is broken',
    { ...unproved, dkim: [{ ...signature, result: 'fail' }] },
    ['DKIM_FAIL', 'NOTHING_PROVED'],
  ],
  [
    'one of two signatures fits',
    {
      ...unproved,
      dkim: [
        { ...signature, result: 'fail' },
        { ...signature, result: 'pass' },
      ],
    },
    [],
  ],
  ['DMARC fails, p=none', failed('none'), ['DMARC_FAIL']],
  ['DMARC fails, p=quarantine', failed('quarantine'), ['DMARC_QUARANTINE']],
  ['DMARC fails, p=reject', failed('reject'), ['DMARC_REJECT']],
  [
    'it was forwarded',
    failed('reject', {
      dmarc: { ...dmarc, result: 'fail', policy: 'reject', override: 'forwarded' },
      spf: { result: 'fail', domain: 'a.example' },
    }),
    [],
  ],
  [
    'ARC vouches for it',
    failed('reject', {
      arc: { result: 'pass', sealers: ['list.example'] },
      spf: { result: 'fail', domain: 'a.example' },
    }),
    [],
  ],
]
for (const [what, found, names] of authentications) {
  test(`${what}: ${names.join(', ') || 'nothing'}`, () => {
    assert.deepEqual(namesOf(authenticationSigns(found)), names)
  })
}

const helos: [helo: string, names: SymbolName[]][] = [
  ['mail.author.example', []],
  ['MX.Demo.Example', ['HELO_OURS']],
  ['mx.demo.example.', ['HELO_OURS']],
  ['localhost', ['HELO_LOCALHOST']],
  ['localhost.localdomain', ['HELO_LOCALHOST']],
  ['[203.0.113.5]', ['HELO_LITERAL']],
  ['203.0.113.5', ['HELO_ADDRESS']],
  ['2001:db8::1', ['HELO_ADDRESS']],
  ['DESKTOP-1', ['HELO_NO_DOT']],
  ['', ['HELO_NO_DOT']],
]
for (const [helo, names] of helos) {
  test(`HELO "${helo}": ${names.join(', ') || 'nothing'}`, () => {
    assert.deepEqual(namesOf(heloSigns({ helo }, 'mx.demo.example')), names)
  })
}

test('every sign with a fixed score was seen above, but for those that ask DNS', () => {
  const asksDns = new Set<string>(['NO_PTR', 'PTR_MISMATCH']) // judge.test.ts has them
  const unseen = Object.entries(symbolTable).filter(
    ([name, { score }]) => score !== null && !asksDns.has(name) && ![...seen].some((one) => one === name),
  )
  assert.deepEqual(unseen, [])
})

test('every sign has a reason, and one alone never refuses', () => {
  for (const [name, { score, reason }] of Object.entries(symbolTable)) {
    assert.match(reason, /.{20,}\.$/, name)
    assert.ok(score === null || Math.abs(score) < 15, name)
  }
})

test('whatever bytes come, looking at them ends', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      const raw = Buffer.from(bytes)
      const arrival = arrivalOf(raw)
      const inspected = inspectMessage(raw, arrival.message.header)
      headerSigns(arrival, inspected)
      bodySigns(inspected)
    }),
    { numRuns: 200 },
  )
})

test('links are found in any HTML, and 64 KB that are made to be slow are not', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('<a ', 'href=', '"', "'", '>', '</a>', 'https://a.example', ' ', 'x'), {
        maxLength: 200,
      }),
      (pieces) => {
        for (const { target } of readLinks(pieces.join(''))) assert.notEqual(target, undefined)
      },
    ),
    { numRuns: 200 },
  )
  for (const piece of ['<a ', '<a href=', '<a href="', '<a href=x>']) {
    const since = performance.now()
    readLinks(piece.repeat(65_536 / piece.length))
    assert.ok(performance.now() - since < 2_000, piece)
  }
})
