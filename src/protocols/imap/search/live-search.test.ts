/** UPDATE and CANCELUPDATE over the wire, RFC 5267 §4.3. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { mail, type RawClient, startTestImap, type TestImap } from '../../../testing/test-imap.ts'
import { imapLimits } from '../limits.ts'

let imap: TestImap
let writer: RawClient
before(async () => {
  imap = await startTestImap()
  writer = await imap.logIn()
})
after(() => imap[Symbol.asyncDispose]())

/** A folder of `count` messages with UIDs from 1, selected by `writer` and by a second session. */
async function openFolder(name: string, count: number): Promise<RawClient> {
  await writer.ok(`CREATE ${name}`)
  for (let at = 1; at <= count; at++) await writer.append(name, mail(`message ${at}`))
  await writer.ok(`SELECT ${name}`)
  const reader = await imap.logIn()
  await reader.ok(`SELECT ${name}`)
  return reader
}

/** Runs a command with a tag of its own. @returns the lines before the answer, and the answer. */
async function tagged(client: RawClient, tag: string, command: string): Promise<string[]> {
  client.send(`${tag} ${command}\r\n`)
  const answer = await client.answer(tag)
  return [...answer.untagged, answer.tagged.replace(/ .*/, '')]
}

test('messages come and go by flags, arrival and expunge', async () => {
  const reader = await openFolder('Flags', 3)
  assert.deepEqual(await tagged(reader, 'B01', 'UID SEARCH RETURN (UPDATE COUNT) FLAGGED'), [
    '* ESEARCH (TAG "B01") UID COUNT 0',
    'OK',
  ])
  assert.deepEqual(await tagged(reader, 'B02', 'SEARCH RETURN (UPDATE ALL CONTEXT) UNFLAGGED'), [
    '* ESEARCH (TAG "B02") ALL 1:3',
    'OK',
  ])
  await writer.ok('STORE 2:3 +FLAGS.SILENT (\\Flagged)')
  assert.deepEqual(await reader.ok('NOOP'), [
    '* 2 FETCH (FLAGS (\\Flagged))',
    '* 3 FETCH (FLAGS (\\Flagged))',
    '* ESEARCH (TAG "B01") UID ADDTO (0 2:3)',
    '* ESEARCH (TAG "B02") REMOVEFROM (0 2:3)',
  ])
  await writer.append('Flags', mail('four'), '(\\Flagged) ')
  await writer.append('Flags', mail('five'))
  const arrived = await reader.ok('NOOP')
  assert.deepEqual(
    arrived.filter((line) => !line.includes('RECENT')),
    ['* 5 EXISTS', '* ESEARCH (TAG "B01") UID ADDTO (0 4)', '* ESEARCH (TAG "B02") ADDTO (0 5)'],
  )
  await writer.ok('STORE 1,4 +FLAGS.SILENT (\\Deleted)')
  await writer.ok('EXPUNGE')
  // §4.3.4: by numbers that still hold, and also while EXPUNGE must wait.
  assert.deepEqual(await reader.ok('FETCH 2 UID'), [
    '* 2 FETCH (UID 2)',
    '* ESEARCH (TAG "B01") UID REMOVEFROM (0 4)',
    '* ESEARCH (TAG "B02") REMOVEFROM (0 1)',
  ])
  assert.deepEqual(await reader.ok('NOOP'), ['* 4 EXPUNGE', '* 1 EXPUNGE'])
  assert.deepEqual(await tagged(reader, 'B03', 'CANCELUPDATE "B01"'), ['OK'])
  await writer.ok('UID STORE 5 +FLAGS.SILENT (\\Flagged)')
  assert.deepEqual(await reader.ok('NOOP'), [
    '* 3 FETCH (FLAGS (\\Flagged))',
    '* ESEARCH (TAG "B02") REMOVEFROM (0 3)',
  ])
  assert.deepEqual(await tagged(reader, 'B04', 'CANCELUPDATE "B01" "B02"'), ['NO'])
  await writer.ok('UID STORE 5 -FLAGS.SILENT (\\Flagged)')
  assert.deepEqual(await reader.ok('NOOP'), ['* 3 FETCH (FLAGS ())'])
})

test('updates come in IDLE, and for changes of the session itself', async () => {
  const reader = await openFolder('Idle', 2)
  await tagged(reader, 'B01', 'UID SEARCH RETURN (UPDATE) BODY hello UNSEEN')
  assert.deepEqual(await tagged(reader, 'B02', 'STORE 1 +FLAGS.SILENT (\\Seen)'), [
    '* ESEARCH (TAG "B01") UID REMOVEFROM (0 1)',
    'OK',
  ])
  reader.send('i IDLE\r\n')
  assert.match(await reader.line(), /^\+ /)
  await writer.append('Idle', mail('three'))
  let line = await reader.line()
  while (/EXISTS|RECENT/.test(line)) line = await reader.line()
  assert.equal(line, '* ESEARCH (TAG "B01") UID ADDTO (0 3)')
  reader.send('DONE\r\n')
  await reader.answer('i')
})

test('what was said by number, by $ or by * alone holds for those messages', async () => {
  const reader = await openFolder('Frozen', 3)
  await reader.ok('SEARCH RETURN (SAVE) 1:2')
  const searches: [tag: string, keys: string, numbers: string][] = [
    ['N1', '2:*', '2:3'],
    ['N2', '$', '1:2'],
    ['N3', 'UID *', '3'],
    ['N4', 'UID 2:*', '2:3'],
    ['N5', '9', ''],
  ]
  for (const [tag, keys, numbers] of searches) {
    const all = numbers === '' ? '' : ` ALL ${numbers}`
    assert.deepEqual(await tagged(reader, tag, `UID SEARCH RETURN (UPDATE ALL) ${keys}`), [
      `* ESEARCH (TAG "${tag}") UID${all}`,
      'OK',
    ])
  }
  await writer.append('Frozen', mail('four'))
  const updates = (await reader.ok('NOOP')).filter((line) => line.includes('ESEARCH'))
  assert.deepEqual(updates, ['* ESEARCH (TAG "N4") UID ADDTO (0 4)'])
})

test('refusals', async () => {
  const reader = await openFolder('Refused', 1)
  await tagged(reader, 'B01', 'SEARCH RETURN (UPDATE) ALL')
  assert.deepEqual(await tagged(reader, 'B01', 'SEARCH RETURN (UPDATE) FLAGGED'), ['BAD'])
  assert.deepEqual(await tagged(reader, 'B01', 'SEARCH RETURN (COUNT) FLAGGED'), [
    '* ESEARCH (TAG "B01") COUNT 0',
    'OK',
  ])
  assert.deepEqual(await tagged(reader, 'B02', 'SEARCH RETURN (UPDATE COUNT) NOT YOUNGER 60'), [
    '* ESEARCH (TAG "B02") COUNT 0',
    '* NO [NOUPDATE "B02"] What depends on the time is not updated',
    'OK',
  ])
  for (let at = 1; at < imapLimits.liveSearchesMax; at++) {
    assert.deepEqual(await tagged(reader, `C${at}`, 'SEARCH RETURN (UPDATE) ALL'), [
      `* ESEARCH (TAG "C${at}")`,
      'OK',
    ])
  }
  assert.deepEqual(await tagged(reader, 'D', 'SEARCH RETURN (UPDATE COUNT) ALL'), [
    '* ESEARCH (TAG "D") COUNT 1',
    '* NO [NOUPDATE "D"] Too many contexts',
    'OK',
  ])
  await reader.ok('SELECT Refused') // and with the mailbox they are gone
  assert.deepEqual(await tagged(reader, 'B01', 'SEARCH RETURN (UPDATE COUNT) ALL'), [
    '* ESEARCH (TAG "B01") COUNT 1',
    'OK',
  ])
})

test('more changes than are read at once', async () => {
  const reader = await openFolder('Many', 0)
  const small = mail('x')
  const one = `{${small.length}+}\r\n${small}`
  for (let batch = 0; batch < 3; batch++) await writer.ok(`APPEND Many ${Array(400).fill(one).join(' ')}`)
  await reader.ok('NOOP')
  await tagged(reader, 'B01', 'UID SEARCH RETURN (UPDATE) FLAGGED')
  await writer.ok('STORE 1:* +FLAGS.SILENT (\\Flagged)')
  const lines = await reader.ok('NOOP')
  assert.equal(lines.at(-1), '* ESEARCH (TAG "B01") UID ADDTO (0 1:1200)')
  assert.equal(lines.length, 1201)
})

test('a result with its updates is what a new search finds', async () => {
  const reader = await openFolder('Model', 5)
  const searches = [
    'FLAGGED',
    'OR SEEN FLAGGED',
    'NOT DELETED SUBJECT message',
    'NOT (SEEN UNFLAGGED)',
    'KEYWORD x',
  ]
  const step = fc.oneof(
    fc.record({
      change: fc.constantFrom('+', '-'),
      flag: fc.constantFrom('\\Seen', '\\Flagged', '\\Deleted', 'x'),
      message: fc.integer({ min: 1, max: 8 }),
    }),
    fc.constantFrom('append', 'expunge', 'look'),
  )
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      run++
      const kept = new Map<string, Set<number>>()
      for (const [at, keys] of searches.entries()) {
        const [line = ''] = await tagged(reader, `m${run}-${at}`, `UID SEARCH RETURN (UPDATE ALL) ${keys}`)
        kept.set(`m${run}-${at}`, numbersIn(line.split(' ALL ')[1] ?? ''))
      }
      for (const one of steps) await runStep(one, reader, kept)
      follow(await reader.ok('NOOP'), kept)
      for (const [at, keys] of searches.entries()) {
        const [line = ''] = await reader.ok(`UID SEARCH RETURN (ALL) ${keys}`)
        const found = numbersIn(line.split(' ALL ')[1] ?? '')
        const live = kept.get(`m${run}-${at}`) ?? new Set()
        assert.deepEqual(
          [...live].sort((a, b) => a - b),
          [...found],
        )
      }
      await reader.ok(`CANCELUPDATE ${[...kept.keys()].map((tag) => `"${tag}"`).join(' ')}`)
    }),
    { numRuns: 25 },
  )
})

type Step = 'append' | 'expunge' | 'look' | { change: string; flag: string; message: number }

async function runStep(step: Step, reader: RawClient, kept: Map<string, Set<number>>): Promise<void> {
  if (step === 'append') await writer.append('Model', mail('message more'))
  else if (step === 'expunge') await writer.ok('EXPUNGE')
  else if (step === 'look') follow(await reader.ok('FETCH 1:* FLAGS'), kept)
  else await writer.run(`STORE ${step.message} ${step.change}FLAGS.SILENT (${step.flag})`)
}

function follow(lines: string[], kept: Map<string, Set<number>>): void {
  for (const line of lines) {
    const [, tag = '', items = ''] = /^\* ESEARCH \(TAG "(.*?)"\) UID(.*)$/.exec(line) ?? []
    const result = kept.get(tag)
    for (const [, kind, set = ''] of items.matchAll(/(ADDTO|REMOVEFROM) \(0 (\S+)\)/g)) {
      for (const uid of numbersIn(set)) {
        assert.equal(result?.has(uid), kind === 'REMOVEFROM', `${line} of ${[...(result ?? [])]}`)
        if (kind === 'ADDTO') result?.add(uid)
        else result?.delete(uid)
      }
    }
  }
}

function numbersIn(set: string): Set<number> {
  const numbers = set.split(',').flatMap((item) => {
    const [from = 0, to = from] = item.split(':').map(Number)
    return item === '' ? [] : Array.from({ length: to - from + 1 }, (_, at) => from + at)
  })
  return new Set(numbers)
}
