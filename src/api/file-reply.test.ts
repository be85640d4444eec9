import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isKnownTag, wantedRange } from './byte-ranges.ts'
import { attachmentDisposition, safeContentType } from './file-reply.ts'

test('a file name is read back as it was, and adds nothing to the header', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      const value = attachmentDisposition(name)
      assert.match(value, /^attachment; filename="[\x20-\x7e]*"(?:; filename\*=UTF-8''[\w!#$&+.^`|~%-]*)?$/)
      const plain = /filename="([^"]*)"/.exec(value)?.[1] ?? ''
      assert.doesNotMatch(plain, /[\\%;]/)
      const encoded = /filename\*=UTF-8''(.*)$/.exec(value)?.[1]
      assert.equal(encoded === undefined ? plain : decodeURIComponent(encoded), name.toWellFormed())
    }),
  )
})

const types: [type: string, charset: string | null, want: string][] = [
  ['image/png', null, 'image/png'],
  ['image/svg+xml', null, 'application/octet-stream'],
  ['image/svg', null, 'application/octet-stream'],
  ['text/html', 'utf-8', 'application/octet-stream'],
  ['TEXT/HTML', null, 'application/octet-stream'],
  ['text/plain', 'utf-8', 'text/plain; charset=utf-8'],
  ['text/plain', 'utf-8\r\nX: y', 'text/plain'],
  ['text/xml', null, 'application/octet-stream'],
  ['text/javascript', null, 'application/octet-stream'],
  ['application/javascript', null, 'application/octet-stream'],
  ['application/xhtml+xml', null, 'application/octet-stream'],
  ['application/vnd.mozilla.xul+xml', null, 'application/octet-stream'],
  ['application/vnd.ms-excel', null, 'application/vnd.ms-excel'],
  [
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    null,
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  ],
  ['application/pdf', 'utf-8', 'application/pdf'],
  ['video/mp4', null, 'video/mp4'],
  ['multipart/mixed', null, 'application/octet-stream'],
  ['nonsense', null, 'application/octet-stream'],
]
for (const [type, charset, want] of types) {
  test(`${type} is sent as ${want}`, () => assert.equal(safeContentType(type, charset), want))
}

test('a range lies within the bytes, whatever is asked for', () => {
  const header = fc.oneof(
    fc.string(),
    fc.tuple(fc.nat(50), fc.nat(50)).map(([a, b]) => `bytes=${a}-${b}`),
    fc.nat(50).map((n) => `bytes=-${n}`),
    fc.nat(50).map((n) => `bytes=${n}-`),
  )
  fc.assert(
    fc.property(header, fc.nat(40), (range, size) => {
      const wanted = wantedRange({ range }, '"x"', size)
      if (wanted.kind === 'part')
        assert.ok(0 <= wanted.start && wanted.start < wanted.end && wanted.end <= size)
    }),
  )
})

const tags: [header: string | undefined, want: boolean][] = [
  [undefined, false],
  ['"a"', true],
  ['W/"a"', true],
  ['"b", "a"', true],
  ['*', true],
  ['"b"', false],
  ['a', false],
]
for (const [header, want] of tags) {
  test(`If-None-Match: ${header}`, () => assert.equal(isKnownTag(header, '"a"'), want))
}
