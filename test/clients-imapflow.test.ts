/** imapflow as applications use it, unmodified, against the real server: compressed, over TLS, with QRESYNC and IDLE. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ImapFlow, type ImapFlowOptions, type MailboxOpenOptions } from 'imapflow'
import { addressOf } from '../src/testing/child-server.ts'
import { type Account, type AccountServer, startAccountServer } from '../src/testing/mail-programs.ts'

const stack = new AsyncDisposableStack()
let accounts: AccountServer

before(async () => {
  accounts = await startAccountServer(stack, 'imapflow.test')
})
after(() => stack.disposeAsync())

async function connect(account: Account, options: Partial<ImapFlowOptions> = {}): Promise<ImapFlow> {
  const client = new ImapFlow({
    ...addressOf(accounts.server.endpoints.imap),
    secure: false,
    tls: { rejectUnauthorized: false },
    auth: { user: account.address, pass: account.password },
    logger: false,
    ...options,
  })
  await client.connect()
  return client
}

/** The next event of that name. */
function next<T>(client: ImapFlow, name: 'exists' | 'expunge' | 'flags'): Promise<T> {
  return new Promise((resolve) => client.once(name, resolve as (event: unknown) => void))
}

function message(subject: string, text = 'Hello\r\n'): string {
  return `From: ann@imapflow.test\r\nTo: ben@imapflow.test\r\nSubject: ${subject}\r\n\r\n${text}`
}

test('it upgrades to TLS, compresses and enables all that it can', async () => {
  const logged: { compress?: boolean; secure?: boolean }[] = []
  const note = (entry: { compress?: boolean }): number => logged.push(entry)
  const client = await connect(await accounts.newAccount(), {
    qresync: true,
    logRaw: true,
    logger: { trace: note, debug: note, info: note, warn: note, error: note },
  })
  await client.noop()
  assert.deepEqual([...client.enabled].sort(), ['CONDSTORE', 'IMAP4REV2', 'QRESYNC', 'UTF8=ACCEPT'])
  assert.ok(logged.some(({ compress, secure }) => compress && secure))
  await client.logout()
})

test('IMAPS, without compression, as IMAP4rev1', async () => {
  const account = await accounts.newAccount()
  await accounts.deliver(account, 2)
  const client = await connect(account, {
    ...addressOf(accounts.server.endpoints.imaps),
    secure: true,
    disableCompression: true,
    disableAutoEnable: true,
  })
  assert.equal((await client.mailboxOpen('INBOX')).exists, 2)
  assert.equal(client.enabled.size, 0)
  assert.deepEqual(await client.search({ all: true }), [1, 2])
  await client.logout()
})

test('while it idles it hears of mail that SMTP brings, of flags and of what is gone', async () => {
  const account = await accounts.newAccount()
  const [client, other] = [await connect(account), await connect(account)]
  await client.mailboxOpen('INBOX')
  await other.mailboxOpen('INBOX')
  void client.idle()
  await sleep(50)
  const exists = next<{ count: number; prevCount: number }>(client, 'exists')
  await accounts.deliver(account, 1)
  const { count, prevCount } = await exists
  assert.deepEqual({ count, prevCount }, { count: 1, prevCount: 0 })
  await other.noop()
  const flags = next<{ seq: number; flags: Set<string> }>(client, 'flags')
  await other.messageFlagsAdd('1', ['\\Flagged', 'Urgent'])
  const told = await flags
  assert.deepEqual([told.seq, [...told.flags].sort()], [1, ['Urgent', '\\Flagged']])
  const expunge = next<{ seq: number }>(client, 'expunge')
  await other.messageDelete('1')
  assert.equal((await expunge).seq, 1)
  await client.logout()
  await other.logout()
})

test('QRESYNC: it hears what happened while it was away', async () => {
  const account = await accounts.newAccount()
  const other = await connect(account)
  for (const subject of ['one', 'two', 'three']) await other.append('INBOX', message(subject))
  const before = await connect(account, { qresync: true })
  const { uidValidity, highestModseq } = await before.mailboxOpen('INBOX')
  await before.logout()

  await other.mailboxOpen('INBOX')
  await other.messageFlagsAdd('3', ['\\Answered'])
  await other.messageDelete('1')
  await other.logout()

  const again = await connect(account, { qresync: true })
  const gone: number[] = []
  const changed: number[] = []
  again.on('expunge', ({ uid, earlier }) => {
    assert.ok(earlier)
    gone.push(uid ?? 0)
  })
  again.on('flags', ({ uid, flags }) => {
    assert.ok(flags?.has('\\Answered'))
    changed.push(uid ?? 0)
  })
  assert.ok(highestModseq)
  // mailboxOpen() passes them on, though its type leaves them out.
  const options: MailboxOpenOptions & { changedSince: bigint; uidValidity: bigint } = {
    changedSince: highestModseq,
    uidValidity,
  }
  await again.mailboxOpen('INBOX', options)
  assert.deepEqual([gone, changed], [[1], [3]])
  const since: number[] = []
  for await (const { uid } of again.fetch('1:*', { uid: true, flags: true }, { changedSince: highestModseq }))
    since.push(uid)
  assert.deepEqual(since, [3])
  await again.logout()
})

test('what it searches for', async () => {
  const client = await connect(await accounts.newAccount())
  await client.append(
    'INBOX',
    message('Grüße aus Köln', 'Text mit ß\r\n'),
    ['\\Seen'],
    new Date('2026-01-02T03:04:05Z'),
  )
  await client.append('INBOX', message('Re: report', 'the quick brown fox\r\n'), ['Later'])
  await client.append('INBOX', message('report', 'x'.repeat(5000)))
  await client.mailboxOpen('INBOX')
  const rows: [object, number[]][] = [
    [{ subject: 'köln' }, [1]],
    [{ body: 'mit ß' }, [1]],
    [{ text: 'brown fox' }, [2]],
    [{ from: 'ANN@' }, [1, 2, 3]],
    [{ to: 'ann' }, []],
    [{ header: { subject: 'report' } }, [2, 3]],
    [{ seen: true }, [1]],
    [{ seen: false, keyword: 'Later' }, [2]],
    [{ larger: 4000 }, [3]],
    [{ before: new Date('2026-02-01') }, [1]],
    [{ or: [{ subject: 'köln' }, { larger: 4000 }] }, [1, 3]],
    [{ not: { subject: 'report' } }, [1]],
    [{ uid: '2:*' }, [2, 3]],
    [{ modseq: 1n, seen: true }, [1]],
  ]
  for (const [query, found] of rows) {
    assert.deepEqual(
      await client.search(query),
      found,
      JSON.stringify(query, (_, value) => `${value}`),
    )
  }
  await client.logout()
})

test('a part is downloaded decoded, a message as it is', async () => {
  const client = await connect(await accounts.newAccount())
  const file = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 256))
  const source = [
    'Subject: file',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain; charset=iso-8859-1',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'Gr=FC=DFe',
    '--b',
    'Content-Type: application/octet-stream; name=file.bin',
    'Content-Disposition: attachment; filename=file.bin',
    'Content-Transfer-Encoding: base64',
    '',
    ...(file.toString('base64').match(/.{1,76}/g) ?? []),
    '--b--',
    '',
  ].join('\r\n')
  await client.append('INBOX', source)
  const lock = await client.getMailboxLock('INBOX')
  const read = async (part?: string): Promise<Buffer> => {
    const { content } = await client.download('1', part)
    assert.ok(content)
    return Buffer.concat(await content.toArray())
  }
  assert.equal((await read('1')).toString('utf8').trim(), 'Grüße')
  assert.deepEqual(await read('2'), file)
  assert.equal((await read()).toString('latin1'), source)
  const found = await client.fetchOne('1', { bodyStructure: true, threadId: true, size: true })
  assert.ok(found)
  assert.deepEqual(
    found.bodyStructure?.childNodes?.map(({ part, type }) => [part, type]),
    [
      ['1', 'text/plain'],
      ['2', 'application/octet-stream'],
    ],
  )
  assert.equal(found.size, source.length)
  assert.ok(found.emailId && found.threadId)
  lock.release()
  await client.logout()
})

test('locks take turns, messages move, the quota is told', async () => {
  const client = await connect(await accounts.newAccount())
  for (const subject of ['one', 'two', 'three']) await client.append('INBOX', message(subject))
  const order: string[] = []
  await Promise.all(
    ['INBOX', 'Archive', 'INBOX', 'Trash'].map(async (path) => {
      const lock = await client.getMailboxLock(path)
      order.push(`${client.mailbox === false ? '' : client.mailbox.path}`)
      lock.release()
    }),
  )
  assert.deepEqual(order.sort(), ['Archive', 'INBOX', 'INBOX', 'Trash'])
  await client.mailboxOpen('INBOX')
  const moved = await client.messageMove({ subject: 'two' }, 'Archive')
  assert.ok(moved)
  assert.deepEqual([...(moved.uidMap ?? [])], [[2, 1]])
  const quota = await client.getQuota('INBOX')
  assert.ok(quota)
  assert.ok((quota.storage?.limit ?? 0) > 0)
  const status = await client.status('INBOX', {
    messages: true,
    uidNext: true,
    highestModseq: true,
    unseen: true,
  })
  assert.ok(status)
  assert.deepEqual([status.messages, status.uidNext, status.unseen], [2, 4, 2])
  const listed = await client.list({ statusQuery: { messages: true } })
  assert.deepEqual(
    listed.filter(({ status }) => status?.messages).map(({ path, status }) => [path, status?.messages]),
    [
      ['INBOX', 2],
      ['Archive', 1],
    ],
  )
  await client.logout()
})

test('a message that it replaces on the server: append, then delete by UID', async () => {
  const client = await connect(await accounts.newAccount())
  const first = await client.append('Drafts', message('draft'), ['\\Draft'])
  assert.ok(first)
  await client.mailboxOpen('Drafts')
  const second = await client.append('Drafts', message('draft, better'), ['\\Draft'])
  assert.ok(second)
  await client.messageDelete(`${first.uid}`, { uid: true })
  const subjects: (string | undefined)[] = []
  for await (const { envelope } of client.fetch('1:*', { envelope: true })) subjects.push(envelope?.subject)
  assert.deepEqual(subjects, ['draft, better'])
  await client.mailboxClose()
  await client.logout()
})
