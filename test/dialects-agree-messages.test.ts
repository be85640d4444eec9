/** The messages of a mailbox are the same through every face: whichever takes them in, sends, marks or deletes them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type AgreeingFaces, scalewayPath, startAgreeingFaces } from '../src/testing/agreeing-faces.ts'
import { ok } from '../src/testing/mailbox-readers.ts'
import { at, listAt, textAt } from '../src/testing/test-api.ts'

const password = 'correct-horse-42-battery'
const desk = 'quote-desk@agree.test'
const ines = 'ines.moreau@agree.test'
const ann = 'ann@agree.test'

let faces: AgreeingFaces

before(async () => {
  faces = await startAgreeingFaces()
  const { native, scaleway, inkbox, known, passwords } = faces
  const domain = await ok(native('POST', '/domains', { name: 'agree.test' }))
  await ok(native('POST', '/domains', { name: 'second.test' }))
  await ok(inkbox('POST', '/identities', { agent_handle: 'quote-desk' }))
  await ok(native('POST', `/mailboxes/${desk}/password`, { password }))
  await ok(
    scaleway('POST', `${scalewayPath}/batch-create-mailboxes`, {
      domain_id: textAt(domain, 'id'),
      subscription_period: 'monthly',
      mailboxes: [{ local_part: 'ines.moreau', password }],
    }),
  )
  await ok(native('POST', '/mailboxes', { address: ann, password }))
  for (const address of [desk, ines, ann]) {
    known.add(address)
    passwords.set(address, password)
  }
})
after(() => faces[Symbol.asyncDispose]())

const aliasesOf = (address: string) => `${scalewayPath}/aliases?mailbox_id=${address}`

test('aliases of each face take mail, which all faces show as the same message', async () => {
  const mailbox_id = (await faces.facts(desk)).id
  await faces.eachSeen([
    {
      face: 'scaleway',
      what: 'an alias',
      make: () => faces.scaleway('POST', `${scalewayPath}/aliases`, { mailbox_id, local_part: 'billing' }),
      of: desk,
      becomes: { aliases: ['billing@agree.test'] },
    },
    {
      face: 'native',
      what: 'an alias in another domain',
      make: () => faces.native('POST', `/mailboxes/${desk}/aliases`, { address: 'offers@second.test' }),
      of: desk,
      becomes: { aliases: ['billing@agree.test', 'offers@second.test'] },
    },
  ])
  await faces.arrive('billing@agree.test', 'Your invoice')
  await faces.arrive('offers@second.test', 'An offer')
  await faces.arrive(desk, 'To the desk')
  const messages = await faces.agreeOnMessages(desk)
  assert.deepEqual(
    messages.map(({ subject, from, isRead, isSent }) => [subject, from, isRead, isSent]),
    ['An offer', 'To the desk', 'Your invoice'].map((subject) => [subject, 'bob@sender.test', false, false]),
  )
  assert.ok((await faces.facts(desk)).bytesUsed !== 0)
  const alias = listAt(await ok(faces.scaleway('GET', aliasesOf(mailbox_id))), 'aliases').find(
    (one) => at(one, 'email') === 'offers@second.test',
  )
  await faces.eachSeen([
    {
      face: 'scaleway',
      what: 'an alias goes that the native API made',
      make: () => faces.scaleway('DELETE', `${scalewayPath}/aliases/${textAt(alias, 'id')}`),
      of: desk,
      becomes: { aliases: ['billing@agree.test'] },
    },
    {
      face: 'native',
      what: 'an alias goes that Scaleway made',
      make: () => faces.native('DELETE', `/mailboxes/${desk}/aliases/billing@agree.test`),
      of: desk,
      becomes: { aliases: [] },
    },
  ])
})

test('what one face says of a message, all say', async () => {
  const { id } = await faces.messageOf(desk, 'Your invoice')
  const inkboxPath = `/mail/mailboxes/${desk}/messages/${id}`
  const nativePath = `/mailboxes/${desk}/messages/${id}`
  const store = async (add: boolean): Promise<void> => {
    const client = await faces.logIn(desk)
    await client.mailboxOpen('INBOX')
    const [uid = 0] = (await client.search({ subject: 'Your invoice' }, { uid: true })) || []
    const flags = ['\\Seen', '\\Flagged']
    await client[add ? 'messageFlagsAdd' : 'messageFlagsRemove'](String(uid), flags, { uid: true })
    await client.logout()
  }
  const changes: [what: string, make: () => Promise<unknown>, isRead: boolean, isStarred: boolean][] = [
    ['Inkbox says it is read', () => ok(faces.inkbox('PATCH', inkboxPath, { is_read: true })), true, false],
    ['Inkbox stars it', () => ok(faces.inkbox('PATCH', inkboxPath, { is_starred: true })), true, true],
    ['native: unread', () => ok(faces.native('PATCH', nativePath, { seen: false })), false, true],
    ['IMAP takes both flags away', () => store(false), false, false],
    ['IMAP sets both', () => store(true), true, true],
    [
      'native: neither',
      () => ok(faces.native('PATCH', nativePath, { seen: false, flagged: false })),
      false,
      false,
    ],
    ['native reads it, which says nothing', () => ok(faces.native('GET', nativePath)), false, false],
    ['an agent reads it by Inkbox', () => ok(faces.inkbox('GET', inkboxPath)), true, false],
  ]
  for (const [what, make, isRead, isStarred] of changes) {
    await make()
    const seen = await faces.messageOf(desk, 'Your invoice')
    assert.deepEqual([seen.id, seen.isRead, seen.isStarred], [id, isRead, isStarred], what)
  }
})

test('what is sent through one face lies in Sent, and with its recipient, for all', async () => {
  const to = { to: [ines] }
  await ok(
    faces.inkbox('POST', `/mail/mailboxes/${desk}/messages`, {
      recipients: to,
      subject: 'By Inkbox',
      body_text: 'Hello Inès',
    }),
  )
  await ok(
    faces.native('POST', `/mailboxes/${ann}/messages`, { ...to, subject: 'By native', text: 'Hello Inès' }),
  )
  for (const [from, subject] of [
    [desk, 'By Inkbox'],
    [ann, 'By native'],
  ] as const) {
    const sent = await faces.messageOf(from, subject)
    const got = await faces.messageOf(ines, subject)
    assert.deepEqual([sent.isSent, got.isSent], [true, false])
    assert.deepEqual([sent.messageId, sent.from, sent.preview], [got.messageId, from, got.preview])
  }
  const { id, threadId } = await faces.messageOf(ines, 'By native')
  await ok(
    faces.inkbox('POST', `/mail/mailboxes/${ines}/messages/${id}/reply-all`, { body_text: 'Thank you' }),
  )
  const reply = await faces.messageOf(ines, 'Re: By native')
  assert.deepEqual([reply.isSent, reply.threadId], [true, threadId])
  assert.equal((await faces.messageOf(ann, 'Re: By native')).messageId, reply.messageId)
  await faces.agreeOnAll()
})

test('what one face deletes is gone for all, and its storage is free', async () => {
  const before = (await faces.facts(desk)).bytesUsed ?? 0
  const { id } = await faces.messageOf(desk, 'An offer')
  await ok(faces.inkbox('DELETE', `/mail/mailboxes/${desk}/messages/${id}`))
  assert.ok(((await faces.facts(desk)).bytesUsed ?? 0) < before)
  const other = await faces.messageOf(desk, 'To the desk')
  await ok(faces.native('DELETE', `/mailboxes/${desk}/messages/${other.id}`))
  assert.deepEqual((await faces.agreeOnMessages(desk)).map(({ subject }) => subject).sort(), [
    'By Inkbox',
    'Your invoice',
  ])
  await ok(faces.native('POST', `/mailboxes/${desk}/deleted-messages/${id}/restore`))
  assert.equal((await faces.messageOf(desk, 'An offer')).id, id)
  await faces.agreeOnAll()
})
