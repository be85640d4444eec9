import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileSieve } from './compile.ts'
import { sieveLimits } from './limits.ts'

const nested = (depth: number): string => `${'if true {'.repeat(depth)} keep; ${'}'.repeat(depth)}`

const valid: string[] = [
  '',
  '# nothing\r\n/* and\n nothing */',
  'keep;',
  'require "fileinto"; fileinto "Lists";',
  'require ["fileinto", "copy", "mailbox"]; fileinto :copy :create "Lists/Node";',
  'REQUIRE "envelope"; If Envelope :Domain "from" "example.com" { Discard; } Else { Stop; }',
  'if allof (not exists "x-a", anyof (size :over 10K, size :under 2M)) { redirect "ann@example.com"; }',
  'if header :matches ["Subject", "X-Y"] ["*sale*", "?"] { discard; } elsif true { keep; } else { stop; }',
  'if header :comparator "i;octet" :contains "subject" "Ä" { stop; }',
  'require ["relational", "comparator-i;ascii-numeric"]; if header :value "ge" :comparator "i;ascii-numeric" "x-score" "5" { discard; }',
  'require "subaddress"; if address :detail "to" "news" { stop; }',
  'require "imap4flags"; addflag "\\\\Seen"; setflag ["$work", "\\\\Flagged Later"]; keep :flags "x"; if hasflag "x" { removeflag "x"; }',
  'require "vacation"; vacation :days 3 :subject "Away" :addresses ["a@b.example"] :from "ann@demo.test" :handle "h" :mime "Content-Type: text/plain\r\n\r\nHi";',
  'require "vacation"; vacation text: # so\r\nI am away.\r\n..\r\n.\r\n;',
  'require "mailbox"; if mailboxexists ["A", "B"] { stop; }',
  nested(sieveLimits.depthMax),
]
for (const script of valid) {
  test(`takes ${JSON.stringify(script.slice(0, 90))}`, () => {
    const compiled = compileSieve(script)
    assert.deepEqual(compiled.ok ? [] : compiled.problems, [])
  })
}

const refused: [script: string, place: string, detail: RegExp][] = [
  ['keep', '1:5', /";" is missing behind "keep"/],
  ['keep;\n  }', '2:3', /nothing to close/],
  ['if true { keep;', '1:16', /"}" is missing/],
  ['fly;', '1:1', /no command "fly"/],
  ['if fly { }', '1:4', /no test "fly"/],
  ['fileinto "A";', '1:1', /require "fileinto"/],
  ['require "fileinto"; fileinto :copy "A";', '1:30', /require "copy"/],
  ['keep; require "fileinto";', '1:7', /must stand before/],
  ['require "variables";', '1:9', /"variables" is not supported/],
  ['require "body"; if body "x" {}', '1:9', /"body" is not supported/],
  ['else { keep; }', '1:1', /must follow "if"/],
  ['if true { } keep; elsif true { }', '1:19', /must follow/],
  ['if header :is :contains "a" "b" {}', '1:15', /beside another of its kind/],
  ['if header "a" {}', '1:4', /takes 2 arguments, not 1/],
  ['if header "a" "b" "c" {}', '1:19', /takes 2 arguments, not 3/],
  ['if header :fuzzy "a" "b" {}', '1:11', /has no ":fuzzy"/],
  ['if header :comparator "i;klingon" "a" "b" {}', '1:23', /no comparator/],
  ['if header "a b" "c" {}', '1:11', /not the name of a header field/],
  ['if address "subject" "c" {}', '1:12', /not a field with addresses/],
  ['require "envelope"; if envelope "auth" "c" {}', '1:33', /"from" and "to"/],
  ['if size 10 {}', '1:4', /":over" or ":under"/],
  ['if size :over "10" {}', '1:15', /A number is expected/],
  ['if not (true) {}', '1:4', /one test, without parentheses/],
  ['if allof true {}', '1:4', /tests in parentheses/],
  ['if true;', '1:1', /needs a block/],
  ['keep {}', '1:1', /takes no block/],
  ['keep true;', '1:1', /takes no test/],
  ['redirect "nobody";', '1:10', /has no @/],
  ['require "fileinto"; fileinto "";', '1:30', /name of a folder/],
  ['require "fileinto"; fileinto ["a", "b"];', '1:30', /A text is expected/],
  ['require "imap4flags"; addflag "\\\\Recent";', '1:23', /not a flag/],
  ['require "imap4flags"; setflag "name" "x";', '1:38', /takes one argument, not 2/],
  ['require "relational"; if header :value "xx" "a" "b" {}', '1:40', /not one of gt/],
  ['redirect "a@b.example', '1:10', /no closing quote/],
  ['/* open', '1:1', /comment has no end/],
  ['require "vacation"; vacation text:\nhello', '1:30', /no end/],
  ['keep; ö', '1:7', /"ö" cannot stand here/],
  ['if size :over 99999999999999999G {}', '1:15', /too large/],
  ['keep 5x;', '1:6', /cannot stand here/],
  [': keep;', '1:1', /name is missing/],
  ['require [1];', '1:10', /text in quotes is expected/],
  [nested(sieveLimits.depthMax + 1), `1:${sieveLimits.depthMax * 9 + 1}`, /at most 15 deep/],
  [`if ${'not '.repeat(17)} true {}`, '1:64', /at most 15 deep/],
  [`# ${'x'.repeat(sieveLimits.scriptBytesMax)}`, '1:1', /at most 65536 bytes/],
  ['keep;'.repeat(sieveLimits.nodesMax + 1), `1:${sieveLimits.nodesMax * 5 + 1}`, /at most 5000/],
]
for (const [script, place, detail] of refused) {
  test(`refuses ${JSON.stringify(script.slice(0, 60))} at ${place}`, () => {
    const compiled = compileSieve(script)
    assert.ok(!compiled.ok)
    const [problem] = compiled.problems
    assert.match(problem?.detail ?? '', detail)
    assert.equal(`${problem?.line}:${problem?.column}`, place)
  })
}

test('several mistakes are told at once', () => {
  const compiled = compileSieve('fly;\nif true { swim; }\nfileinto "x";')
  assert.deepEqual(compiled.ok ? [] : compiled.problems.map(({ line }) => line), [1, 2, 3])
})

const piece = fc.constantFrom(
  ...[
    'require',
    'if',
    'elsif',
    'else',
    'not',
    'allof',
    'header',
    'size',
    'keep',
    'text:',
    '"a"',
    '"',
    '\\',
    '[',
    ']',
  ],
  ...[
    '(',
    ')',
    '{',
    '}',
    ',',
    ';',
    ':is',
    ':over',
    ':',
    '5K',
    '99',
    '\r\n',
    '.',
    '#',
    '/*',
    '*/',
    ' ',
    '\u0000',
    'ü',
  ],
)

test('whatever comes, it is compiled or refused, never an error', () => {
  const script = fc.oneof(
    fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(' ')),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(script, (text) => {
      const compiled = compileSieve(text)
      if (!compiled.ok)
        assert.ok(
          compiled.problems.length > 0 &&
            compiled.problems.every(({ line, column }) => line > 0 && column > 0),
        )
    }),
    { numRuns: 2000 },
  )
})

test('a script of the largest size is compiled in a moment, whatever is in it', () => {
  for (const unit of ['[', '(', '"a",', '/*', 'text:\n', ':a ', 'not ', 'if true {', '\n', '"\\']) {
    const before = process.cpuUsage() // what else the machine does is not counted
    compileSieve(unit.repeat(Math.floor(sieveLimits.scriptBytesMax / unit.length)))
    compileSieve(`keep ${unit.repeat(Math.floor((sieveLimits.scriptBytesMax - 10) / unit.length))}`)
    const { user, system } = process.cpuUsage(before)
    assert.ok((user + system) / 1000 < 2000, unit)
  }
})
