/** The connection itself: cut and pipelined input, garbage, floods, slow readers, and its end. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { connectPop3, mail, startTestPop3, type TestPop3 } from '../../testing/test-pop3.ts'
import { pop3Limits } from './limits.ts'

let t: TestPop3
before(async () => {
  t = await startTestPop3()
})
after(() => t[Symbol.asyncDispose]())

test('commands in single bytes', async () => {
  const box = await t.mailboxWith([mail('one')])
  const client = await t.connect()
  for (const char of `USER ${box.address}\r\nPASS ${box.password}\r\nSTAT\r\n`) {
    client.send(char)
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const want of [/^\+OK Now/, /^\+OK The maildrop/, /^\+OK 1 /]) assert.match(await client.line(), want)
})

test('more pipelined commands than are read ahead', async () => {
  const client = await t.logIn(await t.mailboxWith([]))
  const count = 20_000
  client.send('NOOP\r\n'.repeat(count))
  for (let at = 0; at < count; at++) assert.equal(await client.line(), '+OK Still here')
})

test('a client that does not read holds up only itself', async () => {
  const large = mail('large', `${'0123456789'.repeat(7)}\r\n`.repeat(100_000))
  const box = await t.mailboxWith([large])
  const client = await t.logIn(box)
  client.pause()
  client.send('RETR 1\r\nRETR 1\r\nRETR 1\r\nNOOP\r\n')
  await sleep(300)
  const other = await t.logIn(await t.mailboxWith([]))
  assert.equal(await other.run('STAT'), '+OK 0 0')
  client.resume()
  for (let at = 0; at < 3; at++) {
    assert.match(await client.line(), /^\+OK/)
    assert.equal((await client.rest()).join('\r\n').length, large.length - 2)
  }
  assert.equal(await client.line(), '+OK Still here')
})

test('a client that goes away in the middle of RETR loses nothing, and frees the maildrop', async () => {
  const large = mail('large', `${'0123456789'.repeat(7)}\r\n`.repeat(200_000))
  const box = await t.mailboxWith([large])
  const client = await t.logIn(box)
  await client.ok('DELE 1')
  await client.ok('RSET')
  client.send('RETR 1\r\nDELE 1\r\nQUIT\r\n')
  await client.line()
  client.close()
  for (let attempt = 0; ; attempt++) {
    const next = await t.connect()
    await next.ok(`USER ${box.address}`)
    const answer = await next.run(`PASS ${box.password}`)
    if (answer === `+OK The maildrop has 1 messages (${large.length} octets)`) break
    assert.match(answer, /IN-USE/)
    assert.ok(attempt < 100)
    await sleep(20)
  }
})

test('garbage ends the connection after some', async () => {
  const client = await t.connect()
  client.send('not a command at all \x01{}\r\n'.repeat(10_000))
  let bad = 0
  let line = await client.line()
  for (; !line.includes('Too many'); line = await client.line())
    bad += Number(line === '-ERR Unknown command')
  assert.equal(bad, pop3Limits.badCommandsInARowMax)
  assert.equal(line, '-ERR [SYS/PERM] Too many bad commands')
  await client.ended
})

test('a line that is too long is refused, and the connection lives on', async () => {
  const client = await t.connect()
  assert.equal(await client.run(`USER ${'x'.repeat(pop3Limits.lineBytesMax)}`), '-ERR Line too long')
  assert.match(await client.run(`USER ${'x'.repeat(pop3Limits.lineBytesMax - 7)}`), /^\+OK/)
})

test('a line without an end ends the connection', async () => {
  const client = await t.connect()
  client.send('x'.repeat(pop3Limits.discardBytesMax * 2))
  assert.equal(await client.line(), '-ERR [SYS/PERM] Too much that is no command')
  await client.ended
})

test('one connection too many is told so', async () => {
  await using own = await startTestPop3()
  const { connectionsMax } = pop3Limits
  Object.assign(pop3Limits, { connectionsMax: 2 })
  try {
    const first = await own.connect()
    await own.connect()
    const third = await connectPop3(own.node.listener.port)
    assert.equal(await third.line(), '-ERR [SYS/TEMP] Too many connections')
    await third.ended
    await first.ok('QUIT')
    await first.ended
    first.close()
    await sleep(50)
    await own.connect()
  } finally {
    Object.assign(pop3Limits, { connectionsMax })
  }
})

test('who says nothing is left without a word, and deletes nothing', async () => {
  const { idleMsMax } = pop3Limits
  Object.assign(pop3Limits, { idleMsMax: 1500 })
  try {
    const box = await t.mailboxWith([mail('one')])
    const client = await t.logIn(box)
    await client.ok('DELE 1')
    await sleep(800)
    await client.ok('NOOP')
    const startMs = Date.now()
    await client.ended
    assert.ok(Date.now() - startMs >= 1300)
    assert.equal(client.unread(), '')
    assert.match(await (await t.logIn(box)).run('STAT'), /^\+OK 1 /)
  } finally {
    Object.assign(pop3Limits, { idleMsMax })
  }
})

test('a slow reader is waited for, and one that reads nothing is not', async () => {
  const large = mail('large', `${'0123456789'.repeat(7)}\r\n`.repeat(400_000))
  const boxes = [await t.mailboxWith([large]), await t.mailboxWith([large])]
  const { idleMsMax } = pop3Limits
  Object.assign(pop3Limits, { idleMsMax: 1500 })
  try {
    const [slow, stuck] = await Promise.all(boxes.map((box) => t.logIn(box)))
    assert.ok(slow && stuck)
    stuck.pause()
    for (const client of [slow, stuck]) client.send('RETR 1\r\n')
    // Read whole before it is looked at: the server is in this process, and must not stand still.
    const deadlineMs = Date.now() + 20_000
    for (let read = 0; read < large.length; read = slow.unread().length) {
      slow.pause()
      await sleep(700)
      slow.resume()
      while (slow.unread().length < Math.min(read + 1_000_000, large.length) && Date.now() < deadlineMs) {
        await sleep(1)
      }
      assert.ok(Date.now() < deadlineMs, `${read} octets came`)
    }
    assert.match(await slow.line(), /^\+OK/)
    assert.equal((await slow.rest()).join('\r\n').length, large.length - 2)
    stuck.resume()
    await stuck.ended
    assert.ok(stuck.unread().length < large.length)
  } finally {
    Object.assign(pop3Limits, { idleMsMax })
  }
})

test('stop says so to everyone, after the command in hand', async () => {
  await using own = await startTestPop3()
  const box = await own.mailboxWith([mail('one')])
  const idle = await own.connect()
  const marked = await own.logIn(box)
  await marked.ok('DELE 1')
  const failing = await own.connect()
  await failing.ok('USER nobody@demo.test')
  failing.send('PASS x\r\n')
  await sleep(50)
  const stopped = own.node.listener.stop()
  for (const client of [idle, marked]) {
    assert.equal(await client.line(), '-ERR [SYS/TEMP] The server is stopping')
    await client.ended
  }
  assert.match(await failing.line(), /^-ERR \[AUTH\]/)
  assert.match(await failing.line(), /stopping/)
  await stopped
  const left = await own.test.platform.db.selectFrom('maildrop_locks').selectAll().execute()
  assert.deepEqual(left, [])
})

test('the gauge of connections returns to where it was', async () => {
  const gauge = async (): Promise<number> => {
    const { values } = await t.test.platform.metrics.connections.get()
    return values.find((value) => value.labels['protocol'] === 'pop3')?.value ?? 0
  }
  const before = await gauge()
  const client = await t.connect()
  assert.equal(await gauge(), before + 1)
  await client.ok('QUIT')
  client.close()
  await sleep(50)
  assert.equal(await gauge(), before)
})

test('commands are counted by name and result', async () => {
  const client = await t.logIn(await t.mailboxWith([]))
  await client.ok('NOOP')
  await client.run('RETR 1')
  const { values } = await t.test.platform.metrics.pop3Commands.get()
  const counted = (command: string, result: string): boolean =>
    values.some(({ labels }) => labels['command'] === command && labels['result'] === result)
  assert.ok(counted('NOOP', 'ok') && counted('RETR', 'err'))
})

test('random input is never our defect', async (context) => {
  const logged = context.mock.method(t.test.platform.log, 'error')
  const piece = fc.oneof(
    fc.constantFrom('STAT', 'LIST ', 'UIDL', 'RETR 1', 'TOP 1 ', 'DELE 1', 'RSET', 'NOOP', 'CAPA', 'UTF8'),
    fc.constantFrom('\r\n', '\r\n', '\n', ' ', 'AUTH PLAIN\r\n*\r\n', 'QUIT\r\n', '1', '-1', '99999999999'),
    fc.string({ unit: 'binary', maxLength: 10 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), fc.boolean(), async (pieces, loggedIn) => {
      const client = loggedIn ? await t.logIn(await t.mailboxWith([mail('one')])) : await t.connect()
      client.send(`${pieces.join('')}\r\n`)
      client.end()
      await client.ended
    }),
    { numRuns: 60 },
  )
  assert.deepEqual(
    logged.mock.calls.map((call) => call.arguments),
    [],
  )
})
