/** The language of the IMAP scripts: what it sends, what it accepts, and that it does not accept more. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { matchExpected, parseImapScripts, renderSent, type Words } from './imap-script.ts'

describe('what is sent', () => {
  const rows: [text: string, wire: string][] = [
    ['NOOP', 'NOOP'],
    ['LOGIN <user> x', 'LOGIN ann x'],
    ['FETCH 1 BODY[] <unknown>', 'FETCH 1 BODY[] <unknown>'],
    ['CREATE {{a\\r\\n}}', 'CREATE {3+}\r\na\r\n'],
    ['CREATE {{ü}} {{b}}', 'CREATE {2+}\r\n\xc3\xbc {1+}\r\nb'],
    ['\\xff\\0\\x61*3', '\xff\0aaa'],
    ['{{\\x61*5}}', '{5+}\r\naaaaa'],
  ]
  for (const [text, wire] of rows) {
    test(text, () => assert.equal(renderSent(text, new Map([['user', 'ann']])), wire))
  }
})

describe('what is accepted', () => {
  const rows: [pattern: string, response: string, accepted: boolean][] = [
    ['OK …', 'OK done', true],
    ['OK …', 'NO done', false],
    ['* 1 EXISTS', '* 1 EXISTS', true],
    ['* 1 EXISTS', '* 11 EXISTS', false],
    ['* . EXISTS', '* 1 EXISTS', false],
    ['* 1 FETCH (BODY[] {{a\\r\\n}})', '* 1 FETCH (BODY[] {3}\r\na\r\n)', true],
    ['* 1 FETCH (BODY[] {{a\\r\\n}})', '* 1 FETCH (BODY[] {3}\r\nb\r\n)', false],
    ['* LIST () "/" "ü"', '* LIST () "/" "\xc3\xbc"', true],
    ['<a> <a>', '1 1', true],
    ['<a> <a>', '1 2', false],
    ['<known>', '7', true],
    ['<known>', '8', false],
    ['(<word>)', '(two words)', false],
  ]
  for (const [pattern, response, accepted] of rows) {
    test(`${pattern} ${accepted ? 'is' : 'is not'} ${JSON.stringify(response)}`, () => {
      assert.equal(matchExpected(pattern, response, new Map([['known', '7']])), accepted)
    })
  }
})

test('a name keeps its word, and only from a response that was accepted', () => {
  const words: Words = new Map()
  assert.ok(!matchExpected('<a> x', '1 y', words))
  assert.equal(words.size, 0)
  assert.ok(matchExpected('<a> x', '1 x', words))
  assert.equal(words.get('a'), '1')
})

test('a script: settings, commands before, continued lines, steps', () => {
  const text =
    '# file\n\n== title\nmessages: 3\nbefore: APPEND x\n  y\nA> NOOP\nA< OK\n   …\nB>> DONE\nA! tls\nA< ...\n'
  const [script] = parseImapScripts(text)
  assert.deepEqual(script, {
    title: 'title',
    line: 3,
    settings: new Map([['messages', '3']]),
    before: ['APPEND xy'],
    steps: [
      { line: 7, who: 'A', kind: 'command', text: 'NOOP' },
      { line: 8, who: 'A', kind: 'expect', text: 'OK…' },
      { line: 10, who: 'B', kind: 'raw', text: 'DONE' },
      { line: 11, who: 'A', kind: 'layer', text: 'tls' },
      { line: 12, who: 'A', kind: 'skip', text: '...' },
    ],
  })
})

for (const text of ['A> NOOP', '== x\nnonsense', '== x\n  continued']) {
  test(`no script: ${JSON.stringify(text)}`, () => assert.throws(() => parseImapScripts(text), /line \d/))
}
