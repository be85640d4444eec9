import assert from 'node:assert/strict'
import { isAscii, isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { surrogateHeader } from './surrogate-header.ts'

const invalid = '<invalid@internationalized-address.invalid>'
const b = (text: string): string => `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`

const fields: [field: string, want: string][] = [
  ['Subject: Übung', `Subject: ${b('Übung')}`],
  ['Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= und Übung', `Subject: ${b('Grüße und Übung')}`],
  ['Subject: ä\r\n ö', `Subject: ${b('ä ö')}`],
  [
    `Subject: ${'ü'.repeat(30)}`,
    `Subject: ${b('ü'.repeat(22))}\r\n ${b('ü'.repeat(8))}`, // a word has at most 75 characters
  ],
  ['From: Jürgen <j@demo.test>', `From: ${b('Jürgen')} <j@demo.test>`],
  ['To: a@demo.test, Jürgen <j@demo.test>', `To: a@demo.test,\r\n ${b('Jürgen')} <j@demo.test>`],
  ['Cc: jürgen@demo.test', `Cc: ${b('jürgen@demo.test')} ${invalid}`],
  ['Cc: Jo <jürgen@demo.test>', `Cc: ${b('Jo jürgen@demo.test')} ${invalid}`],
  ['Cc: ann@müller.test', 'Cc: ann@xn--mller-kva.test'],
  ['Bcc: "Doe, J." <j@müller.test>', 'Bcc: "Doe, J." <j@xn--mller-kva.test>'],
  [
    'Reply-To: Größe: a@demo.test, ö@demo.test;',
    `Reply-To: ${b('Größe')}:\r\n a@demo.test,\r\n ${b('ö@demo.test')} ${invalid};`,
  ],
  [
    'Content-Type: text/plain; charset=utf-8; name="ü;.txt"; x=1',
    'Content-Type: text/plain; charset=utf-8; x=1',
  ],
  ['Content-Disposition: attachment; filename=ü', 'Content-Disposition: attachment'],
  ['X-Grüße: 1', ''],
  ['Received: by hübsch', ''],
]
for (const [field, want] of fields) {
  test(JSON.stringify(field), () => {
    const raw = Buffer.from(`A: 1\r\n${field}\r\nZ: 2\r\n\r\nbody ü\r\n`)
    const surrogate = surrogateHeader(raw, true)
    assert.equal(surrogate.kind, 'surrogate')
    assert.ok(surrogate.kind === 'surrogate')
    assert.equal(surrogate.header.toString('latin1'), `A: 1\r\n${want === '' ? '' : `${want}\r\n`}Z: 2\r\n`)
    assert.equal(raw.subarray(surrogate.replacedBytes).toString(), '\r\nbody ü\r\n')
  })
}

const kept: [what: string, raw: Buffer][] = [
  ['all in ASCII', Buffer.from('Subject: x\r\n\r\ny')],
  ['UTF-8 in the body only', Buffer.from('Subject: x\r\n\r\nü')],
  ['a field in another charset', Buffer.from('Subject: \xfc\r\n\r\n\xfc', 'latin1')],
  ['nothing', Buffer.alloc(0)],
]
for (const [what, raw] of kept) {
  test(`${what} stays`, () => assert.deepEqual(surrogateHeader(raw, true), { kind: 'not-needed' }))
}

test('a header that goes on', () => {
  assert.deepEqual(surrogateHeader(Buffer.from('Subject: ü\r\nA: 1\r\n'), false), { kind: 'too-long' })
  assert.equal(surrogateHeader(Buffer.from('Subject: ü\r\nA: 1\r\n'), true).kind, 'surrogate')
})

test('whatever comes, no UTF-8 is left in a field, and the body is where it was', () => {
  const name = fc.constantFrom(
    'Subject',
    'From',
    'to',
    'Content-Type',
    'X-Other',
    'Cc',
    'Content-Disposition',
  )
  const value = fc.string({
    unit: fc.oneof(
      fc.constantFrom('ü', '"', '<', '>', ',', ';', '=?', '@'),
      fc.string({ unit: 'grapheme', maxLength: 1 }),
    ),
  })
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), (pairs) => {
      const header = pairs.map(([one, text]) => `${one}: ${text.replaceAll(/[\r\n]/g, '')}\r\n`).join('')
      const raw = Buffer.from(`${header}\r\nbody`)
      const surrogate = surrogateHeader(raw, true)
      if (surrogate.kind !== 'surrogate') return assert.ok(isAscii(Buffer.from(header)))
      assert.ok(isUtf8(raw) && isAscii(surrogate.header))
      assert.equal(raw.subarray(surrogate.replacedBytes).toString(), '\r\nbody')
      for (const line of surrogate.header.toString().split('\r\n').slice(0, -1))
        assert.match(line, /^\S+: ?|^ \S/)
    }),
  )
})
