import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type EnvelopeAddress, parseAddressList } from './addresses.ts'
import { mimeLimits } from './mime-limits.ts'

/** `name|mailbox|host`, `-` for null, and the route in braces. */
function sketch({ name, route, mailbox, host }: EnvelopeAddress): string {
  return `${name ?? '-'}|${route === undefined ? '' : `{${route}}`}${mailbox ?? '-'}|${host ?? '-'}`
}

const rows: [text: string, want: string[]][] = [
  ['', []],
  [' , ,, ', []],
  ['ann@example.test', ['-|ann|example.test']],
  ['<ann@example.test>', ['-|ann|example.test']],
  ['Ann <ann@example.test>', ['Ann|ann|example.test']],
  ['Ann B.  Smith\t<ann@example.test>', ['Ann B. Smith|ann|example.test']],
  [
    '"Smith, Ann" <ann@example.test>, bob@example.test',
    ['Smith, Ann|ann|example.test', '-|bob|example.test'],
  ],
  ['"a \\"b\\" \\\\c" <ann@example.test>', ['a "b" \\c|ann|example.test']],
  ['"" <ann@example.test>', ['-|ann|example.test']],
  ['"ann smith"@example.test', ['-|ann smith|example.test']],
  ['Ann <"a>b"@example.test>', ['Ann|a>b|example.test']],
  ['ann@[192.0.2.1]', ['-|ann|[192.0.2.1]']],
  ['<ann@[192.0.2.1]>', ['-|ann|[192.0.2.1]']],
  ['ann@[IPv6:2001:db8::1]', ['-|ann|[IPv6:2001:db8::1]']],
  ['<@a.test,@b.test:ann@c.test>', ['-|{@a.test,@b.test}ann|c.test']],
  ['Ann <@route:user@domain>', ['Ann|{@route}user|domain']],
  // Comments: RFC 5322 §3.2.2
  ['ann@example.test (Ann Smith)', ['Ann Smith|ann|example.test']],
  ['<ann@example.test> (Ann (the \\) one))', ['Ann (the ) one)|ann|example.test']],
  ['Ann (not Bob) <ann@example.test>', ['Ann|ann|example.test']],
  ['ann (x) . (y) smith @ (z) example . test', ['z|ann.smith|example.test']],
  ['ann@example.test (never closed', ['never closed|ann|example.test']],
  // Groups: RFC 5322 §3.4
  ['undisclosed-recipients:;', ['-|undisclosed-recipients|-', '-|-|-']],
  ['A: a@x.test, "B" <b@x.test>;, c@x.test', ['-|A|-', '-|a|x.test', 'B|b|x.test', '-|-|-', '-|c|x.test']],
  ['"My group": a@x.test', ['-|My group|-', '-|a|x.test', '-|-|-']],
  ['A: B: a@x.test;', ['-|A|-', '-|a|x.test', '-|-|-']],
  [
    'group: g1@d1.org, g2@d2.org;, group2: g3@d3.org;',
    ['-|group|-', '-|g1|d1.org', '-|g2|d2.org', '-|-|-', '-|group2|-', '-|g3|d3.org', '-|-|-'],
  ],
  // Text: RFC 2047 stays, RFC 6532 passes
  ['=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?M?= <j@x.test>', ['=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?M?=|j|x.test']],
  ['=?utf-8?Q?Smith,_Ann?= <ann@x.test>', ['=?utf-8?Q?Smith,_Ann?=|ann|x.test']],
  ['Jörg <jörg@exämple.test>', ['Jörg|jörg|exämple.test']],
  // What should not be, and is
  ['root', ['-|root|']],
  ['Ann Smith', ['-|Ann Smith|']],
  ['root (Super User)', ['Super User|root|']],
  ['ann@', ['-|ann|']],
  ['@example.test', ['-||example.test']],
  ['<>', ['-||']],
  ['Ann <>', ['Ann||']],
  ['Ann <ann>', ['Ann|ann|']],
  ['Ann <ann@example.test', ['Ann|ann|example.test']],
  ['Ann <ann@example.test, bob@example.test', ['Ann|ann|example.test', '-|bob|example.test']],
  ['Ann ann@example.test>', ['Ann|ann|example.test']],
  ['Ann ann@example.test', ['Ann|ann|example.test']],
  ['ann@a.test <bob@b.test>', ['ann@a.test|bob|b.test']],
  ['ann@a.test bob@b.test', ['-|ann|a.test', '-|bob|b.test']],
  ['ann@a.test; bob@b.test;', ['-|ann|a.test', '-|bob|b.test']],
  ['ann@a.test@b.test', ['-|ann@a.test|b.test']],
  ['<mailto:ann@a.test>', ['-|ann|a.test']],
  ['"Ann <ann@a.test>', ['Ann|ann|a.test']],
  ['Ann" <ann@a.test>, "Bob" <bob@a.test>', ['Ann <ann@a.test>, Bob|bob|a.test']],
  [
    '<ann@a.test> Ann, <bob@a.test> Carl <carl@a.test>',
    ['Ann|ann|a.test', '-|bob|a.test', 'Carl|carl|a.test'],
  ],
  ['Ann <ann@a.test> extra, bob@a.test', ['Ann|ann|a.test', '-|bob|a.test']],
  ['<ann@a.test> bob@a.test', ['-|ann|a.test', '-|bob|a.test']],
  ['[list] Ann <ann@a.test>', ['[list] Ann|ann|a.test']],
  ['ann@[192.0.2.1, bob@a.test', ['-|ann|[192.0.2.1', '-|bob|a.test']],
]
for (const [text, want] of rows) {
  test(text || 'an empty list', () => assert.deepEqual(parseAddressList(text).map(sketch), want))
}

test('lists have a bound', () => {
  assert.equal(parseAddressList('a@b.test,'.repeat(20_000)).length, mimeLimits.addressesPerFieldMax)
})

const specials = fc.string({ unit: fc.constantFrom(...'<>@,;:"()[]\\.=? aB\tö'), maxLength: 60 })

test('any text is read without an error, and groups are balanced', () => {
  fc.assert(
    fc.property(specials, (text) => {
      let depth = 0
      for (const { mailbox, host } of parseAddressList(text)) {
        if (host !== null) continue
        depth += mailbox === null ? -1 : 1
        assert.ok(depth === 0 || depth === 1)
      }
      assert.equal(depth, 0)
    }),
    { numRuns: 3_000 },
  )
})

test('what is written with quotes reads back the same', () => {
  const text = fc
    .string({ minLength: 1, maxLength: 20 })
    .filter((value) => value === value.trim() && value !== '')
  const address = fc.record(
    { name: text, mailbox: text, host: fc.constantFrom('a.test', '[192.0.2.1]') },
    { noNullPrototype: true },
  )
  const quote = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`
  fc.assert(
    fc.property(fc.array(address, { maxLength: 5 }), (list) => {
      const written = list.map(({ name, mailbox, host }) => `${quote(name)} <${quote(mailbox)}@${host}>`)
      assert.deepEqual(parseAddressList(written.join(', ')), list)
    }),
  )
})
