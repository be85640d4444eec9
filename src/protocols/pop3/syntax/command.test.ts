import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ParsedCommand, parseCommand } from './command.ts'

const valid: [line: string, want: object][] = [
  ['CAPA', { name: 'CAPA' }],
  ['noop', { name: 'NOOP' }],
  ['Quit ', { name: 'QUIT' }],
  ['RSET', { name: 'RSET' }],
  ['STAT', { name: 'STAT' }],
  ['STLS', { name: 'STLS' }],
  ['UTF8', { name: 'UTF8' }],
  ['USER ann@demo.test', { name: 'USER', username: 'ann@demo.test' }],
  ['USER "ann lee"@demo.test', { name: 'USER', username: '"ann lee"@demo.test' }],
  ['user  ann ', { name: 'USER', username: 'ann' }],
  ['USER grüße@demo.test', { name: 'USER', username: 'grüße@demo.test' }],
  ['PASS secret', { name: 'PASS', password: 'secret' }],
  ['PASS a secret of words', { name: 'PASS', password: 'a secret of words' }],
  ['PASS  x ', { name: 'PASS', password: ' x ' }],
  ['PASS пароль', { name: 'PASS', password: 'пароль' }],
  ['LIST', { name: 'LIST', number: null }],
  ['LIST 1', { name: 'LIST', number: 1 }],
  ['UIDL', { name: 'UIDL', number: null }],
  ['uidl 22', { name: 'UIDL', number: 22 }],
  ['RETR 007', { name: 'RETR', number: 7 }],
  ['DELE 9999999999', { name: 'DELE', number: 9999999999 }],
  ['TOP 1 0', { name: 'TOP', number: 1, lines: 0 }],
  ['TOP  2  10', { name: 'TOP', number: 2, lines: 10 }],
  ['AUTH', { name: 'AUTH', mechanism: null, initialResponse: null }],
  ['AUTH plain', { name: 'AUTH', mechanism: 'PLAIN', initialResponse: null }],
  ['AUTH PLAIN =', { name: 'AUTH', mechanism: 'PLAIN', initialResponse: Buffer.alloc(0) }],
  ['AUTH PLAIN AGEAYg==', { name: 'AUTH', mechanism: 'PLAIN', initialResponse: Buffer.from('\0a\0b') }],
  ['APOP ann c4c9334bac560ecc979e58001b3e22fb', { name: 'APOP' }],
  ['LANG *', { name: 'LANG' }],
]
for (const [line, want] of valid) {
  test(JSON.stringify(line), () =>
    assert.deepEqual(parseCommand(Buffer.from(line)), { ok: true, command: want }),
  )
}

const refused: [line: string | Buffer, text: string][] = [
  ['', 'Unknown command'],
  [' NOOP', 'Unknown command'],
  ['NOOP x', 'NOOP has no argument'],
  ['NOOPS', 'Unknown command'],
  ['NOOP\tx', 'Unknown command'],
  ['USER', 'USER needs a name'],
  ['USER  ', 'USER needs a name'],
  ['PASS', 'PASS needs a password'],
  ['PASS ', 'PASS needs a password'],
  ['RETR', 'RETR needs a message number'],
  ['RETR x', 'RETR needs a message number'],
  ['RETR 1.5', 'RETR needs a message number'],
  ['RETR 12345678901', 'RETR needs a message number'],
  ['RETR 1 2', 'RETR has one argument'],
  ['LIST 1 2', 'LIST has one argument'],
  ['UIDL x', 'UIDL needs a message number'],
  ['TOP', 'TOP needs a message number'],
  ['TOP 1', 'TOP needs a number of lines'],
  ['TOP 1 -1', 'TOP needs a number of lines'],
  ['TOP 1 2 3', 'TOP needs a number of lines'],
  ['AUTH PLAIN AGEAYg== x', 'AUTH has two arguments'],
  ['AUTH PLAIN AGEAYg', 'The initial response is not base64'],
  ['AUTH PLAIN =AAA', 'The initial response is not base64'],
  ['AUTH PLAIN AAA=BBB', 'The initial response is not base64'],
  [Buffer.from('USER gr\xfc\xdfe@demo.test', 'latin1'), 'That is not UTF-8'],
  [Buffer.from([0xc0, 0x80]), 'That is not UTF-8'],
]
for (const [line, text] of refused) {
  test(`refused: ${JSON.stringify(line.toString('latin1'))}`, () =>
    assert.deepEqual(parseCommand(Buffer.from(line)), { ok: false, text }))
}

test('any line gives a command or a text', () => {
  const keyword = fc.constantFrom('USER ', 'PASS ', 'AUTH ', 'LIST ', 'TOP ', 'retr ', 'UTF8')
  const line = fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(keyword, fc.string({ unit: 'binary' })).map((parts) => Buffer.from(parts.join(''))),
  )
  fc.assert(
    fc.property(line, (bytes) => {
      const parsed: ParsedCommand = parseCommand(bytes)
      assert.ok(parsed.ok || parsed.text !== '')
    }),
  )
})
