/**
 * The same mailboxes are seen through every face at once, and all say the same of them: after each change, through whichever
 * face it was made, they are read through all and compared field by field.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type AgreeingFaces, scalewayPath, startAgreeingFaces } from '../src/testing/agreeing-faces.ts'
import { ok } from '../src/testing/mailbox-readers.ts'
import { at, listAt, type Reply, textAt } from '../src/testing/test-api.ts'

const password = 'correct-horse-42-battery'
const otherPassword = 'purple-monkey-77-dish'

let faces: AgreeingFaces

before(async () => {
  faces = await startAgreeingFaces()
})
after(() => faces[Symbol.asyncDispose]())

test('a domain that one face makes is everyone’s, and the one of agents', async () => {
  await ok(faces.scaleway('POST', `${scalewayPath}/domains`, { name: 'agree.test' }))
  await ok(faces.native('POST', '/domains', { name: 'second.test' }))
  await ok(faces.inkbox('POST', '/domains', { domain: 'later.example' }))
  await faces.agreeOnAll()
  assert.equal(listAt(await ok(faces.native('GET', '/domains')), 'data').length, 3)
})

type Made = { face: string; address: string; make: () => Promise<Reply>; status?: string; handle?: string }

test('made through each face, seen through all', async () => {
  const domains = listAt(await ok(faces.native('GET', '/domains')), 'data')
  const domainIdOf = (name: string) =>
    textAt(
      domains.find((one) => at(one, 'name') === name),
      'id',
    )
  const batch = (domain: string, localPart: string) =>
    faces.scaleway('POST', `${scalewayPath}/batch-create-mailboxes`, {
      domain_id: domainIdOf(domain),
      subscription_period: 'yearly',
      mailboxes: [{ local_part: localPart, password }],
    })
  const rows: Made[] = [
    {
      face: 'inkbox',
      address: 'quote-desk@agree.test',
      make: () => faces.inkbox('POST', '/identities', { agent_handle: 'quote-desk', description: 'Quotes.' }),
      handle: 'quote-desk',
    },
    {
      face: 'inkbox',
      address: 'support-team@second.test',
      make: () =>
        faces.inkbox('POST', '/identities', {
          agent_handle: 'help-desk',
          display_name: 'Help desk',
          mailbox: { email_local_part: 'support-team', sending_domain: 'second.test' },
        }),
      handle: 'help-desk',
    },
    { face: 'scaleway', address: 'ines.moreau@agree.test', make: () => batch('agree.test', 'ines.moreau') },
    {
      face: 'scaleway',
      address: 'early@later.example',
      make: () => batch('later.example', 'early'),
      status: 'waiting_domain',
    },
    {
      face: 'native',
      address: 'ann@agree.test',
      make: () =>
        faces.native('POST', '/mailboxes', {
          address: 'ann@agree.test',
          password,
          display_name: 'Ann',
          tags: ['a'],
        }),
    },
    {
      face: 'native',
      address: 'robot@second.test',
      make: () => faces.native('POST', '/identities', { handle: 'robot', address: 'robot@second.test' }),
      handle: 'robot',
    },
  ]
  for (const { face, address, make, status = 'active', handle } of rows) {
    await ok(make())
    faces.known.add(address)
    const made = await faces.facts(address)
    assert.deepEqual([made.status, made.identity?.handle], [status, handle], `${address} by ${face}`)
  }
  for (const address of ['ines.moreau@agree.test', 'ann@agree.test']) faces.passwords.set(address, password)
  await ok(faces.native('POST', `/mailboxes/quote-desk@agree.test/password`, { password }))
  faces.passwords.set('quote-desk@agree.test', password)
})

const desk = 'quote-desk@agree.test'
const ines = 'ines.moreau@agree.test'
const ann = 'ann@agree.test'

test('changed through each face, seen through all', async () => {
  const period = (subscription_period: string) => async () =>
    faces.scaleway('PATCH', await faces.scalewayMailbox(ines), { subscription_period })
  await faces.eachSeen([
    {
      face: 'native',
      what: 'a mailbox gets a name',
      make: () => faces.native('PATCH', `/mailboxes/${ines}`, { display_name: 'Inès Moreau' }),
      of: ines,
      becomes: { displayName: 'Inès Moreau', identity: null },
    },
    {
      face: 'native',
      what: 'an identity gets a name',
      make: () => faces.native('PATCH', '/identities/quote-desk', { display_name: 'Quotes' }),
      of: desk,
      becomes: { displayName: 'Quotes' },
    },
    {
      face: 'inkbox',
      what: 'an identity gets a name',
      make: () => faces.inkbox('PATCH', '/identities/quote-desk', { display_name: 'Quote desk' }),
      of: desk,
      becomes: { displayName: 'Quote desk' },
    },
    {
      face: 'inkbox',
      what: 'a mailbox gets a name',
      make: () => faces.inkbox('PATCH', `/mail/mailboxes/${ann}`, { display_name: 'Ann Lee' }),
      of: ann,
      becomes: { displayName: 'Ann Lee' },
    },
    {
      face: 'scaleway',
      what: 'the next period is another',
      make: period('monthly'),
      of: ines,
      becomes: { period: 'yearly', nextPeriod: 'monthly' },
    },
    {
      face: 'native',
      what: 'it ends with its period',
      make: () => faces.native('POST', `/mailboxes/${ines}/cancel`),
      of: ines,
      becomes: { nextPeriod: 'canceled' },
    },
    {
      face: 'scaleway',
      what: 'it goes on',
      make: period('yearly'),
      of: ines,
      becomes: { nextPeriod: null },
    },
    {
      face: 'native',
      what: 'a limit of what it may hold',
      make: () => faces.native('PUT', `/mailboxes/${desk}/policy`, { quota_bytes: 50_000_000 }),
      of: desk,
      becomes: { bytesMax: 50_000_000 },
    },
    {
      face: 'native',
      what: 'suspended',
      make: () => faces.native('POST', `/mailboxes/${desk}/suspend`),
      of: desk,
      becomes: { status: 'suspended' },
    },
    {
      face: 'inkbox',
      what: 'resumed',
      make: () => faces.inkbox('PATCH', '/identities/quote-desk', { status: 'active' }),
      of: desk,
      becomes: { status: 'active' },
    },
    {
      face: 'inkbox',
      what: 'paused',
      make: () => faces.inkbox('PATCH', '/identities/quote-desk', { status: 'paused' }),
      of: desk,
      becomes: { status: 'suspended' },
    },
    {
      face: 'native',
      what: 'resumed',
      make: () => faces.native('POST', `/mailboxes/${desk}/resume`),
      of: desk,
      becomes: { status: 'active' },
    },
  ])
})

test('two faces that change one mailbox at the same moment: both changes are there, for all', async () => {
  const names = ['One', 'Two', 'Three', 'Four']
  const path = await faces.scalewayMailbox(desk)
  const replies = await Promise.all([
    ...names.map((name) => faces.native('PATCH', `/mailboxes/${desk}`, { display_name: name })),
    ...names.map((name) => faces.inkbox('PATCH', '/identities/quote-desk', { description: name })),
    ...['yearly', 'monthly', 'yearly'].map((subscription_period) =>
      faces.scaleway('PATCH', path, { subscription_period }),
    ),
  ])
  assert.deepEqual(
    replies.map(({ status }) => status),
    replies.map(() => 200),
  )
  const { displayName, identity } = await faces.facts(desk)
  assert.ok(names.includes(displayName ?? '') && names.includes(identity?.description ?? ''))
})

test('a new address, by each face that can: the old one leads to the same mailbox', async () => {
  const renamed = (from: string, to: string): void => {
    faces.known.delete(from)
    faces.known.add(to)
    faces.passwords.set(to, faces.passwords.get(from) ?? '')
  }
  const was = (await faces.facts(desk)).id
  renamed(desk, 'sales-desk@agree.test')
  renamed('support-team@second.test', 'care@second.test')
  await ok(
    faces.native('POST', '/mailboxes/support-team@second.test/rename', { address: 'care@second.test' }),
  )
  await faces.eachSeen([
    {
      face: 'inkbox',
      what: 'the address follows the handle',
      make: () => faces.inkbox('PATCH', '/identities/quote-desk', { agent_handle: 'sales-desk' }),
      of: 'sales-desk@agree.test',
      becomes: { id: was, aliases: [desk] },
    },
    {
      face: 'inkbox',
      what: 'in another domain it stays',
      make: () => faces.inkbox('PATCH', '/identities/help-desk', { agent_handle: 'care-desk' }),
      of: 'care@second.test',
      becomes: { aliases: ['support-team@second.test'] },
    },
  ])
  for (const path of [`/mail/mailboxes/${desk}`, `/mail/mailboxes/${encodeURIComponent(desk)}`]) {
    assert.equal(at(await ok(faces.inkbox('GET', path)), 'id'), was)
  }
  assert.equal(at(await ok(faces.native('GET', `/mailboxes/${desk}`)), 'id'), was)
})

test('a new password, by each face that can: it logs in, and the old one no more', async () => {
  const changes: [face: string, next: string, make: () => Promise<Reply>][] = [
    [
      'scaleway',
      otherPassword,
      async () => faces.scaleway('PATCH', await faces.scalewayMailbox(ines), { new_password: otherPassword }),
    ],
    ['native', password, () => faces.native('POST', `/mailboxes/${ines}/password`, { password })],
  ]
  for (const [face, next, make] of changes) {
    const old = faces.passwords.get(ines)
    await (await faces.logIn(ines, old)).logout()
    await ok(make())
    faces.passwords.set(ines, next)
    await assert.rejects(faces.logIn(ines, old), `the old password after ${face}`)
    await (await faces.logIn(ines)).logout()
    await faces.facts(ines)
  }
})

const salesDesk = 'sales-desk@agree.test'

test('deleted and restored, each by one face and the other', async () => {
  const scalewayPathOf = new Map<string, string>()
  for (const address of [salesDesk, ines, ann])
    scalewayPathOf.set(address, await faces.scalewayMailbox(address))
  const restored = (address: string) => () =>
    faces.scaleway('POST', `${scalewayPathOf.get(address)}/restore`, {})
  const deleted = { status: 'deletion_scheduled' } as const
  const back = { status: 'active', purgeAt: null } as const
  const identity = '/identities/sales-desk'
  await faces.eachSeen([
    {
      face: 'scaleway',
      what: 'deleted',
      make: () => faces.scaleway('DELETE', scalewayPathOf.get(salesDesk) ?? ''),
      of: salesDesk,
      becomes: deleted,
    },
    { face: 'scaleway', what: 'restored', make: restored(salesDesk), of: salesDesk, becomes: back },
    {
      face: 'inkbox',
      what: 'deleted with its identity',
      make: () => faces.inkbox('DELETE', identity),
      of: salesDesk,
      becomes: deleted,
    },
    {
      face: 'scaleway',
      what: 'restored with its identity',
      make: restored(salesDesk),
      of: salesDesk,
      becomes: back,
    },
    {
      face: 'native',
      what: 'deleted',
      make: () => faces.native('DELETE', identity),
      of: salesDesk,
      becomes: deleted,
    },
    {
      face: 'native',
      what: 'restored',
      make: () => faces.native('POST', `${identity}/restore`),
      of: salesDesk,
      becomes: back,
    },
    {
      face: 'inkbox',
      what: 'deleted without an identity',
      make: () => faces.inkbox('DELETE', `/mail/mailboxes/${ines}`),
      of: ines,
      becomes: deleted,
    },
    {
      face: 'scaleway',
      what: 'restored by a period',
      make: () => faces.scaleway('PATCH', scalewayPathOf.get(ines) ?? '', { subscription_period: 'yearly' }),
      of: ines,
      becomes: back,
    },
    {
      face: 'inkbox',
      what: 'deleted away from its identity',
      make: () => faces.inkbox('DELETE', `/mail/mailboxes/${salesDesk}`),
      of: salesDesk,
      becomes: { ...deleted, identity: null },
    },
    {
      face: 'native',
      what: 'restored, without its identity',
      make: () => faces.native('POST', `/mailboxes/${salesDesk}/restore`),
      of: salesDesk,
      becomes: { ...back, identity: null },
    },
    {
      face: 'native',
      what: 'given to its identity',
      make: () => faces.native('PUT', `${identity}/mailbox`, { mailbox: salesDesk }),
      of: salesDesk,
      becomes: back,
    },
  ])
  assert.equal((await faces.facts(salesDesk)).identity?.handle, 'sales-desk')
  await faces.agreeOnMessages(salesDesk)
})

test('gone for good: no face knows it, and its address is free for the next', async () => {
  await ok(faces.native('DELETE', `/identities/sales-desk?purge=true`))
  assert.equal((await faces.agreeOnAll()).has(salesDesk), false)
  const answers: [face: string, reply: Reply][] = [
    ['native', await faces.native('GET', `/mailboxes/${salesDesk}`)],
    ['inkbox', await faces.inkbox('GET', `/mail/mailboxes/${salesDesk}`)],
    ['inkbox', await faces.inkbox('GET', '/identities/sales-desk')],
  ]
  for (const [face, { status, text }] of answers) assert.equal(status, 404, `${face}: ${text}`)
  await ok(faces.inkbox('POST', '/identities', { agent_handle: 'sales-desk' }))
  const next = await faces.facts(salesDesk)
  assert.deepEqual([next.identity?.handle, next.bytesUsed], ['sales-desk', 0])
})

test('one address that all ask for at the same moment: one gets it, and the others a conflict', async () => {
  const { domainId } = await faces.facts(ann)
  const address = 'raced@agree.test'
  const replies = await Promise.all([
    faces.native('POST', '/mailboxes', { address }),
    faces.native('POST', '/identities', { handle: 'raced', address }),
    faces.inkbox('POST', '/identities', { agent_handle: 'raced' }),
    faces.inkbox('POST', '/identities', { agent_handle: 'raced' }),
    faces.scaleway('POST', `${scalewayPath}/batch-create-mailboxes`, {
      domain_id: domainId,
      subscription_period: 'monthly',
      mailboxes: [{ local_part: 'raced', password }],
    }),
  ])
  const told = replies.map(({ status, text }) => `${status} ${text.slice(0, 200)}`).join('\n')
  assert.equal(replies.filter(({ status }) => status < 300).length, 1, told)
  assert.equal(replies.filter(({ status }) => status === 409).length, replies.length - 1, told)
  faces.known.add(address)
  await faces.facts(address)
})
