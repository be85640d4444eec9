import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodePartBody } from './decode-body.ts'

const rows: [what: string, body: string | Buffer, encoding: string, charset: string | null, want: string][] =
  [
    ['nothing', '', 'base64', 'utf-8', ''],
    ['7bit', 'abc\r\n', '7bit', 'us-ascii', 'abc\r\n'],
    ['UTF-8', 'ö', '8bit', 'UTF-8', 'ö'],
    ['base64 in lines', 'R3LD\r\nvMOf\r\nZQ==\r\n', 'BASE64', 'utf-8', 'Grüße'],
    ['base64 cut off', 'R3LDvMOfZ', 'base64', 'utf-8', 'Grüß'],
    ['base64 with junk', 'R3*L D!vMOfZQ==', 'base64', 'utf-8', 'Grüße'],
    ['quoted-printable', 'Gr=C3=BC=C3=9Fe =\r\nan =3D\r\n', 'quoted-printable', 'utf-8', 'Grüße an =\r\n'],
    ['quoted-printable with broken escapes', 'a=zz b=', 'quoted-printable', 'utf-8', 'a=zz b'],
    ['an unknown encoding', 'abc', 'x-uuencode', null, 'abc'],
    ['latin1', Buffer.from([0xe9]), '8bit', 'iso-8859-1', 'é'],
    ['windows-1252', Buffer.from([0x93, 0x80]), '8bit', 'windows-1252', '“€'],
    ['koi8-r', Buffer.from([0xf0, 0xd2]), '8bit', 'koi8-r', 'Пр'],
    ['iso-2022-jp', Buffer.from('\x1b$B7oL>\x1b(B'), '7bit', 'ISO-2022-JP', '件名'],
    ['gb2312 is gbk', Buffer.from([0xc4, 0xe3]), '8bit', 'gb2312', '你'],
    ['utf-7', '+AOk-', '7bit', 'utf-7', 'é'],
    ['no charset, valid UTF-8', 'é', '8bit', null, 'é'],
    ['no charset, not UTF-8', Buffer.from([0x61, 0xe9]), '8bit', null, 'aé'],
    ['us-ascii that is UTF-8', 'é', '8bit', 'us-ascii', 'é'],
    ['an unknown charset', Buffer.from([0xe9]), '8bit', 'x-nonsense', 'é'],
    ['not a charset of mail', 'abc', '8bit', 'base64', 'abc'],
    ['UTF-8 that is not', Buffer.from([0x61, 0xe9, 0x62]), '8bit', 'utf-8', 'a\ufffdb'],
    ['NUL', 'a\0b', '8bit', 'utf-8', 'a\ufffdb'],
  ]
for (const [what, body, encoding, charset, want] of rows) {
  test(what, () => assert.equal(decodePartBody(Buffer.from(body), encoding, charset), want))
}

test('any bytes in any encoding and charset give well-formed text without NUL', () => {
  const encodings = fc.constantFrom('base64', 'quoted-printable', '8bit', '', '__proto__')
  const charsets = fc.constantFrom(
    'utf-8',
    'utf-16',
    'utf-16be',
    'utf-32',
    'utf-7',
    'cesu8',
    'big5',
    'gb18030',
    'hex',
    'iso-2022-kr',
    '__proto__',
    '\0',
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), encodings, charsets, (bytes, encoding, charset) => {
      const text = decodePartBody(Buffer.from(bytes), encoding, charset)
      assert.ok(text.isWellFormed() && !text.includes('\0'))
    }),
    { numRuns: 3_000 },
  )
})
