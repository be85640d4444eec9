import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Envelope } from '../../../messages/mime/envelope.ts'
import type { MimePart } from '../../../messages/mime/structure.ts'
import { encodeBody, encodeBodyStructure, encodeEnvelope } from './encode-structure.ts'

const ann = { name: 'Ann', mailbox: 'ann', host: 'x.test' }
const envelope: Envelope = {
  date: 'Wed, 17 Jul 1996 02:23:25 -0700 (PDT)',
  subject: 'a "b"',
  from: [ann],
  sender: [ann],
  replyTo: [ann, { name: null, route: '@r.test', mailbox: 'bob', host: 'x.test' }],
  to: [],
  cc: [],
  bcc: [],
  inReplyTo: null,
  messageId: '<1@x.test>',
}
const annWire = '("Ann" NIL "ann" "x.test")'
const envelopeWire =
  `("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "a \\"b\\"" (${annWire}) (${annWire}) ` +
  `(${annWire}(NIL "@r.test" "bob" "x.test")) NIL NIL NIL NIL "<1@x.test>")`

const text: MimePart = {
  type: 'text',
  subtype: 'plain',
  params: [
    ['charset', 'utf-8'],
    ['name', 'a b'],
  ],
  encoding: '7bit',
  headerStart: 0,
  bodyStart: 100,
  end: 150,
  lines: 3,
}
const textWire = '"text" "plain" ("charset" "utf-8" "name" "a b") NIL NIL "7bit" 50 3'
const image: MimePart = {
  type: 'image',
  subtype: 'png',
  id: '<i@x>',
  description: 'an image',
  encoding: 'base64',
  md5: 'Q2hlY2s=',
  disposition: { type: 'attachment', params: [['filename', 'i.png']] },
  language: ['en', 'de'],
  location: 'http://x/',
  headerStart: 0,
  bodyStart: 0,
  end: 9,
  lines: 0,
}
const imageWire = '"image" "png" NIL "<i@x>" "an image" "base64" 9'
const imageExtension = ' "Q2hlY2s=" ("attachment" ("filename" "i.png")) ("en" "de") "http://x/"'
const mixed: MimePart = {
  type: 'multipart',
  subtype: 'mixed',
  params: [['boundary', 'b']],
  encoding: '7bit',
  disposition: { type: 'inline' },
  headerStart: 0,
  bodyStart: 0,
  end: 0,
  lines: 0,
  parts: [text, image],
}
const forwarded: MimePart = {
  type: 'message',
  subtype: 'rfc822',
  encoding: '7bit',
  headerStart: 0,
  bodyStart: 10,
  end: 20,
  lines: 7,
  message: { envelope, part: text },
}

const rows: [name: string, part: MimePart, body: string, structure: string][] = [
  ['text', text, `(${textWire})`, `(${textWire} NIL NIL NIL NIL)`],
  ['image', image, `(${imageWire})`, `(${imageWire}${imageExtension})`],
  [
    'multipart',
    mixed,
    `((${textWire})(${imageWire}) "mixed")`,
    `((${textWire} NIL NIL NIL NIL)(${imageWire}${imageExtension}) "mixed" ("boundary" "b") ("inline" NIL) NIL NIL)`,
  ],
  [
    'message',
    forwarded,
    `("message" "rfc822" NIL NIL NIL "7bit" 10 ${envelopeWire} (${textWire}) 7)`,
    `("message" "rfc822" NIL NIL NIL "7bit" 10 ${envelopeWire} (${textWire} NIL NIL NIL NIL) 7 NIL NIL NIL NIL)`,
  ],
  [
    'multipart without parts',
    { ...mixed, parts: [] },
    '(("text" "plain" NIL NIL NIL "7bit" 0 0) "mixed")',
    '(("text" "plain" NIL NIL NIL "7bit" 0 0) "mixed" ("boundary" "b") ("inline" NIL) NIL NIL)',
  ],
]

describe('encode-structure', () => {
  test('ENVELOPE', () => assert.equal(encodeEnvelope(envelope), envelopeWire))

  test('ENVELOPE of an empty header', () => {
    const empty: Envelope = {
      ...envelope,
      date: null,
      subject: null,
      from: [],
      sender: [],
      replyTo: [],
      messageId: null,
    }
    assert.equal(encodeEnvelope(empty), `(${Array(10).fill('NIL').join(' ')})`)
  })

  test('ENVELOPE with a group and raw UTF-8', () => {
    const end = { name: null, mailbox: null, host: null }
    const raw: Envelope = {
      ...envelope,
      subject: 'grün',
      to: [{ name: null, mailbox: 'team', host: null }, ann, end],
    }
    const to = `((NIL NIL "team" NIL)${annWire}(NIL NIL NIL NIL))`
    assert.ok(encodeEnvelope(raw).includes(` {5}\r\ngr\xc3\xbcn ((`))
    assert.ok(encodeEnvelope(raw, true).includes(` "gr\xc3\xbcn" ((`))
    assert.ok(encodeEnvelope(raw).includes(` ${to} `))
  })

  for (const [name, part, body, structure] of rows) {
    test(name, () => {
      assert.equal(encodeBody(part), body)
      assert.equal(encodeBodyStructure(part), structure)
    })
  }
})
