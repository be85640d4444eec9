/** The same mailboxes by InboxKit and Zapmail beside the other faces: made, changed and ended through each, seen through all. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type AgreeingFaces, scalewayPath, startAgreeingFaces } from '../src/testing/agreeing-faces.ts'
import { ok } from '../src/testing/mailbox-readers.ts'
import { at, listAt, type Reply, textAt } from '../src/testing/test-api.ts'

let faces: AgreeingFaces

before(async () => {
  faces = await startAgreeingFaces()
})
after(() => faces[Symbol.asyncDispose]())

test('domains that each makes are everyone’s', async () => {
  await ok(faces.inboxkit('POST', '/domains/nameservers', { domains: ['kit.example'] }))
  await ok(faces.zapmail.google('POST', '/v2/domains/connect-domain', { domainNames: ['zap.example'] }))
  await ok(faces.zapmail.microsoft('POST', '/v2/domains/connect-domain', { domainNames: ['soft.example'] }))
  for (const name of ['one.test', 'two.test']) await ok(faces.native('POST', '/domains', { name }))
  await faces.agreeOnAll()
  const listed = listAt(await ok(faces.native('GET', '/domains')), 'data')
  assert.deepEqual(
    listed.map((one) => [at(one, 'name'), at(one, 'product')]),
    [
      ['kit.example', null],
      ['zap.example', 'google'],
      ['soft.example', 'microsoft'],
      ['one.test', null],
      ['two.test', null],
    ],
  )
})

const ada = 'ada@one.test'
const dana = 'dana@two.test'

async function domainId(name: string): Promise<string> {
  return textAt(await ok(faces.native('GET', `/domains/${name}`)), 'id')
}

async function mailboxId(address: string): Promise<string> {
  return (await faces.facts(address)).id
}

async function bought(face: string, address: string, make: () => Promise<Reply>): Promise<void> {
  await ok(make())
  faces.known.add(address)
  const shown = await ok(faces.native('GET', `/mailboxes/${address}`))
  assert.equal(at(shown, 'product'), 'google', face)
  await faces.facts(address)
}

test('bought by each, seen through all', async () => {
  const mailboxes = [
    { first_name: 'Ada', last_name: 'Quill', username: 'ada', platform: 'GOOGLE', domain_name: 'one.test' },
  ]
  await bought('inboxkit', ada, () => faces.inboxkit('POST', '/mailboxes/buy', { mailboxes }))
  const id = await domainId('two.test')
  const entry = { firstName: 'Dana', lastName: 'Reyes', mailboxUsername: 'dana', domainName: 'two.test' }
  await bought('zapmail', dana, () => faces.zapmail.google('POST', '/v2/mailboxes', { [id]: [entry] }))
  await ok(faces.native('POST', '/mailboxes', { address: 'ann@one.test' }))
  faces.known.add('ann@one.test')
  await faces.agreeOnAll()
})

test('changed through each face, seen through all', async () => {
  const adaId = await mailboxId(ada)
  const danaId = await mailboxId(dana)
  const removal = (remove: boolean) => () =>
    faces.zapmail.google('PUT', '/v2/mailboxes/scheduled-removal', { mailboxIds: [danaId], remove })
  await faces.eachSeen([
    {
      face: 'inboxkit',
      what: 'names',
      make: () =>
        faces.inboxkit('POST', '/mailboxes/update', { uid: danaId, first_name: 'D', last_name: 'R' }),
      of: dana,
      becomes: { displayName: 'D R' },
    },
    {
      face: 'zapmail',
      what: 'names',
      make: () =>
        faces.zapmail.google('PUT', '/v2/mailboxes', {
          mailboxData: [{ mailboxId: adaId, firstName: 'A', lastName: 'Q' }],
        }),
      of: ada,
      becomes: { displayName: 'A Q' },
    },
    {
      face: 'inboxkit',
      what: 'ends with its period',
      make: () => faces.inboxkit('POST', '/mailboxes/cancel', { uids: [danaId] }),
      of: dana,
      becomes: { nextPeriod: 'canceled', status: 'active' },
    },
    { face: 'zapmail', what: 'goes on', make: removal(false), of: dana, becomes: { nextPeriod: null } },
    { face: 'zapmail', what: 'ends', make: removal(true), of: dana, becomes: { nextPeriod: 'canceled' } },
    {
      face: 'inboxkit',
      what: 'goes on',
      make: () => faces.inboxkit('POST', '/mailboxes/uncancel', { uids: [danaId] }),
      of: dana,
      becomes: { nextPeriod: null },
    },
    {
      face: 'scaleway',
      what: 'the next period is another',
      make: async () =>
        faces.scaleway('PATCH', await faces.scalewayMailbox(ada), { subscription_period: 'yearly' }),
      of: ada,
      becomes: { nextPeriod: 'yearly' },
    },
    {
      face: 'native',
      what: 'suspended',
      make: () => faces.native('POST', `/mailboxes/${ada}/suspend`),
      of: ada,
      becomes: { status: 'suspended' },
    },
    {
      face: 'native',
      what: 'resumed',
      make: () => faces.native('POST', `/mailboxes/${ada}/resume`),
      of: ada,
      becomes: { status: 'active' },
    },
  ])
})

test('a new address by each: the same mailbox', async () => {
  const [adaId, danaId] = [await mailboxId(ada), await mailboxId(dana)]
  const renamed = async (from: string, to: string, make: () => Promise<Reply>): Promise<void> => {
    const { id } = await faces.facts(from)
    await ok(make())
    faces.known.delete(from)
    faces.known.add(to)
    assert.equal((await faces.facts(to)).id, id)
  }
  await renamed(ada, 'ada.q@one.test', () =>
    faces.inboxkit('POST', '/mailboxes/update', { uid: adaId, user_name: 'ada.q' }),
  )
  await renamed(dana, 'dana.r@two.test', () =>
    faces.zapmail.google('PUT', '/v2/mailboxes', {
      mailboxData: [{ mailboxId: danaId, username: 'dana.r' }],
    }),
  )
})

test('removed by Zapmail, restored by the others, and gone for good', async () => {
  const address = 'dana.r@two.test'
  const id = await mailboxId(address)
  const path = await faces.scalewayMailbox(address)
  assert.ok(path.startsWith(scalewayPath))
  await faces.eachSeen([
    {
      face: 'zapmail',
      what: 'removed at once',
      make: () =>
        faces.zapmail.google('POST', '/v2/mailboxes/remove-mailboxes-instantly', { mailboxIds: [id] }),
      of: address,
      becomes: { status: 'deletion_scheduled' },
    },
    {
      face: 'scaleway',
      what: 'restored',
      make: () => faces.scaleway('POST', `${path}/restore`, {}),
      of: address,
      becomes: { status: 'active' },
    },
  ])
  await ok(faces.native('DELETE', `/mailboxes/${address}?purge=true`))
  assert.equal((await faces.agreeOnAll()).has(address), false)
})

test('one address that both ask for at the same moment: one gets it', async () => {
  const id = await domainId('two.test')
  const entry = { firstName: 'R', lastName: 'C', mailboxUsername: 'raced', domainName: 'two.test' }
  const kit = {
    first_name: 'R',
    last_name: 'C',
    username: 'raced',
    platform: 'GOOGLE',
    domain_name: 'two.test',
  }
  const replies = await Promise.all([
    faces.native('POST', '/mailboxes', { address: 'raced@two.test' }),
    faces.inboxkit('POST', '/mailboxes/buy', { mailboxes: [kit] }),
    faces.inboxkit('POST', '/mailboxes/buy', { mailboxes: [kit] }),
    faces.zapmail.google('POST', '/v2/mailboxes', { [id]: [entry] }),
  ])
  const told = replies.map(({ status, text }) => `${status} ${text.slice(0, 200)}`).join('\n')
  assert.equal(replies.filter(({ status }) => status < 300).length, 1, told)
  assert.ok(
    replies.every(({ status }) => status < 500),
    told,
  )
  faces.known.add('raced@two.test')
  await faces.agreeOnAll()
})
