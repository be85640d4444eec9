import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readTarget } from './target.ts'

const rows: [what: string, url: string, hosts: string[], want: string | null][] = [
  ['a name', '/a?b=1', ['example.com'], 'example.com /a ?b=1'],
  ['upper case', '/', ['EXAMPLE.Com'], 'example.com /'],
  ['a final dot', '/', ['example.com.'], 'example.com /'],
  ['a port', '/', ['example.com:8443'], 'example.com /'],
  ['a port that is empty', '/', ['example.com:'], 'example.com /'],
  ['A-labels', '/', ['xn--bcher-kva.example'], 'xn--bcher-kva.example /'],
  ['U-labels in UTF-8', '/', [Buffer.from('bücher.example').toString('latin1')], 'xn--bcher-kva.example /'],
  ['an IPv4 address', '/', ['192.0.2.1:80'], '(192.0.2.1) /'],
  ['an IPv6 address', '/', ['[2001:db8::1]:80'], '([2001:db8::1]) /'],
  ['a single label', '/', ['LOCALHOST'], '(localhost) /'],
  ['no Host', '/x', [], '() /x'],
  ['an empty Host', '/x', [''], '() /x'],
  ['two Hosts', '/', ['a.example', 'b.example'], null],
  ['the same twice', '/', ['a.example', 'a.example'], null],
  ['a Host with a path', '/', ['a.example/b'], null],
  ['a Host with a space', '/', ['a.example b.example'], null],
  ['a Host with a user', '/', ['ann@a.example'], null],
  ['a Host that is a list', '/', ['a.example, b.example'], null],
  ['a port that is none', '/', ['a.example:x'], null],
  ['an open bracket', '/', ['[::1'], null],
  ['absolute form: its own host counts', 'http://a.example/x?y', ['b.example'], 'a.example /x ?y'],
  ['absolute form, in any case', 'HTTPS://A.example:443', ['b.example'], 'a.example /'],
  [
    'absolute form with a query only',
    'http://a.example?q',
    ['b.example'],
    'a.example /?q'.replace('/?q', '/ ?q'),
  ],
  ['absolute form with a user', 'http://u:p@a.example/', ['a.example'], null],
  ['absolute form without a host', 'http:///x', ['a.example'], null],
  ['another scheme', 'ftp://a.example/', ['a.example'], null],
  ['authority form', 'a.example:443', ['a.example'], null],
  ['asterisk form', '*', ['a.example'], 'a.example *'],
  ['two slashes stay a path', '//evil.example/x', ['a.example'], 'a.example //evil.example/x'],
  ['a fragment, which no client sends', '/a#b?c', ['a.example'], 'a.example /a'],
  ['bytes beyond ASCII', '/\xc3\xbc?\xff', ['a.example'], 'a.example /%C3%BC ?%FF'],
  ['a question mark alone', '/a?', ['a.example'], 'a.example /a'],
]
for (const [what, url, hosts, want] of rows) {
  test(`a request target: ${what}`, () => {
    const target = readTarget(url, hosts)
    const { host, name, path, query } = target ?? { host: '', name: null, path: '', query: '' }
    const text = [name ?? `(${host})`, path, ...(query === '' ? [] : [query])].join(' ')
    assert.equal(target === null ? null : text, want)
  })
}

test('whatever comes, what is read is plain, and a path stays a path', () => {
  const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })
  fc.assert(
    fc.property(bytes, fc.array(bytes, { maxLength: 2 }), (url, hosts) => {
      for (const one of [url, `/${url}`, `http://${url}`]) {
        const target = readTarget(one, hosts)
        if (target === null) continue
        assert.match(target.path, /^(?:\/[\x21-\x7e]*|\*)$/)
        assert.match(target.query, /^(?:\?[\x21-\x7e]+)?$/)
        assert.doesNotMatch(target.host, /[\s/@?#\\]/)
      }
    }),
  )
})
