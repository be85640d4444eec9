/** INPROGRESS (RFC 9585), and what becomes of a long search whose client goes away. */
import assert from 'node:assert/strict'
import { after, before, mock, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { mail, type RawClient, startTestImap, type TestImap } from '../../../testing/test-imap.ts'
import { ConnectionClosed, type Output } from '../../output.ts'
import { imapLimits } from '../limits.ts'
import { withProgress } from './progress.ts'

let imap: TestImap
let client: RawClient
before(async () => {
  mock.property(imapLimits as { inProgressMs: number }, 'inProgressMs', 1)
  imap = await startTestImap()
  client = await imap.logIn()
  const one = mail('x'.repeat(20))
  const literal = `{${one.length}+}\r\n${one}`
  for (let batch = 0; batch < 5; batch++)
    await client.ok(`APPEND INBOX ${Array(400).fill(literal).join(' ')}`)
  await client.ok('SELECT INBOX')
})
after(async () => {
  mock.restoreAll()
  await imap[Symbol.asyncDispose]()
})

const commands: [command: string, progress: RegExp][] = [
  ['SEARCH RETURN (COUNT) HEADER X-None y', /\("tag-1" \d+ NIL\)/],
  ['SORT RETURN (COUNT) (SUBJECT) UTF-8 ALL', /\("tag-1" \d+ 2000\)/],
]
for (const [command, progress] of commands) {
  test(`${command} tells how far it is`, async () => {
    client.send(`tag-1 ${command}\r\n`)
    const { untagged, tagged } = await client.answer('tag-1')
    assert.match(tagged, /^OK /)
    const told = untagged.filter((line) => line.startsWith('* OK [INPROGRESS '))
    assert.ok(told.length > 0, 'nothing was told')
    for (const line of told)
      assert.match(line, /^\* OK \[INPROGRESS \("tag-1" (?:NIL|\d+) (?:NIL|\d+)\)\] \S/)
    assert.ok(
      told.some((line) => progress.test(line)),
      told.join('\n'),
    )
    assert.match(untagged.at(-1) ?? '', /^\* ESEARCH /)
  })
}

test('THREAD too, and a tag with a bracket is not told', async () => {
  client.send('a] THREAD REFERENCES UTF-8 ALL\r\n')
  const { untagged } = await client.answer('a]')
  const told = untagged.filter((line) => line.startsWith('* OK [INPROGRESS '))
  assert.ok(told.length > 0)
  for (const line of told) assert.match(line, /^\* OK \[INPROGRESS \(NIL /)
})

test('a search ends when its client is gone', async () => {
  const written: string[] = []
  const output: Output & { isClosed: boolean } = {
    write: async (data) => void written.push(String(data)),
    flush: async () => {},
    isBlocked: false,
    isClosed: false,
  }
  let steps = 0
  const work = withProgress(output, 't', async (progress) => {
    for (; steps < 1_000; steps++) {
      progress(steps, 10)
      await sleep(1)
      if (steps === 20) output.isClosed = true
    }
  })
  await assert.rejects(work, ConnectionClosed)
  assert.equal(steps, 21)
  assert.ok(written.includes('* OK [INPROGRESS ("t" 10 10)] Still at it\r\n'), written.join(''))
  const told = written.length
  await sleep(20)
  assert.equal(written.length, told, 'it goes on telling')
})
