/** Names, addresses, passwords, pictures and signatures of mailboxes changed in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type PictureServer, startPictureServer } from '../../testing/picture-server.ts'
import { at, type Reply, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { provokeUsual } from '../../testing/vendor-refusals.ts'

let u: TestVendor
let pictures: PictureServer
let uid = ''
let made = 0
const paths =
  /^\/mailboxes\/(update|signature|signature\/delete|\{uid\}\/(profile-picture|username|password))$/
const unknownId = '00000000-0000-4000-8000-000000000000'

before(async () => {
  pictures = await startPictureServer()
  u = await startTestVendor('inboxkit', { environment: { MAILWRIGHT_OUTBOUND_NETWORKS: 'any' } })
})
after(async () => {
  await u[Symbol.asyncDispose]()
  await pictures[Symbol.asyncDispose]()
})
beforeEach(async () => {
  const body = { address: `ada${++made}@demo.test`, first_name: 'Ada', last_name: 'Quill' }
  uid = textAt((await u.call('POST', '/v1/mailboxes', { body })).json, 'id')
})

async function shown(path = ''): Promise<Reply> {
  return await u.call('GET', `/v1/mailboxes/${uid}${path}`)
}

async function namesOf(): Promise<unknown[]> {
  const { json } = await shown()
  return ['address', 'first_name', 'last_name', 'display_name'].map((name) => at(json, name))
}

test('names and address are changed together, and each alone', async () => {
  const example = { ...Object(u.exampleOf('updateMailbox')), uid }
  assert.equal((await u.operate('updateMailbox', { body: example })).status, 200)
  assert.deepEqual(await namesOf(), ['adeline@demo.test', 'Adeline', 'Quill', 'Adeline Quill'])
  await u.operate('updateMailbox', { body: { uid, last_name: '' } })
  assert.deepEqual(await namesOf(), ['adeline@demo.test', 'Adeline', null, 'Adeline'])
  const inPath = await u.at('POST', `/mailboxes/${uid}/update`, { body: { user_name: 'Ada.Q' } })
  assert.equal(inPath.status, 200, inPath.text)
  assert.deepEqual(await namesOf(), ['ada.q@demo.test', 'Adeline', null, 'Adeline'])
  await u.operate('updateMailbox', { body: { uid } })
  assert.equal((await namesOf())[0], 'ada.q@demo.test')
})

test('a name that is taken changes nothing else either', async () => {
  await u.call('POST', '/v1/mailboxes', { body: { address: 'taken@demo.test' } })
  const reply = await u.operate('updateMailbox', { body: { uid, first_name: 'Eve', user_name: 'taken' } })
  assert.deepEqual([reply.status, at(reply.json, 'error')], [400, true])
  assert.deepEqual(await namesOf(), [`ada${made}@demo.test`, 'Ada', 'Quill', null])
})

test('the username is changed by each of its paths', async () => {
  const first = await u.operate('changeMailboxUsername', { ids: [uid], body: { new_username: `a${made}` } })
  assert.equal(first.status, 200, first.text)
  assert.equal((await namesOf())[0], `a${made}@demo.test`)
  for (const path of ['change-username', 'username']) {
    const reply = await u.at('POST', `/mailboxes/${path}`, { body: { uid, new_username: `${path}${made}` } })
    assert.equal(reply.status, 200, reply.text)
    assert.equal((await namesOf())[0], `${path}${made}@demo.test`)
  }
  const odd = await u.operate('changeMailboxUsername', { ids: [uid], body: { new_username: 'a@b' } })
  assert.equal(odd.status, 400)
})

test('the password is changed by each of its paths, and a weak one is refused', async () => {
  const passwordOf = async () => at((await shown('/credentials')).json, 'password')
  const chosen = 'Lamp-Otter-Meadow-47'
  await u.operate('changeMailboxPassword', { ids: [uid], body: { new_password: chosen } })
  assert.equal(await passwordOf(), chosen)
  for (const path of ['change-password', 'password']) {
    const body = { uid, new_password: `${chosen}-${path}` }
    assert.equal((await u.at('POST', `/mailboxes/${path}`, { body })).status, 200)
    assert.equal(await passwordOf(), `${chosen}-${path}`)
  }
  for (const weak of ['password1', 'short']) {
    const reply = await u.operate('changeMailboxPassword', { ids: [uid], body: { new_password: weak } })
    assert.equal(reply.status, 400, weak)
  }
})

test('the picture is fetched by each of its paths and names', async () => {
  const url = `${pictures.url}/red.png`
  const sha256 = async () => at((await shown()).json, 'picture', 'sha256')
  for (const body of [{ url }, { profile_pic_url: url }]) {
    const reply = await u.operate('updateMailboxProfilePicture', { ids: [uid], body })
    assert.equal(reply.status, 200, reply.text)
    assert.match(String(await sha256()), /^[0-9a-f]{64}$/)
    await u.call('DELETE', `/v1/mailboxes/${uid}/picture`)
  }
  for (const path of ['profile-picture', 'update-profile-picture']) {
    assert.equal((await u.at('POST', `/mailboxes/${path}`, { body: { uid, url } })).status, 200)
    assert.match(String(await sha256()), /^[0-9a-f]{64}$/)
    await u.call('DELETE', `/v1/mailboxes/${uid}/picture`)
  }
  for (const bad of [{ url: `${pictures.url}/text` }, { url: 'ada.png' }, {}]) {
    const reply = await u.operate('updateMailboxProfilePicture', { ids: [uid], body: bad })
    assert.deepEqual([reply.status, at(reply.json, 'error')], [400, true], reply.text)
    assert.equal(await sha256(), undefined)
  }
})

test('signatures are set and removed, for one and for several', async () => {
  const signature = '<p onclick="x()">Ada <b>Quill</b></p>'
  const htmlOf = async () => at((await shown()).json, 'signature', 'html')
  await u.operate('setMailboxSignature', { body: { mailbox_id: uid, signature } })
  assert.match(String(await htmlOf()), /<p>Ada <b>Quill<\/b><\/p>/)
  await u.operate('deleteMailboxSignature', { body: { mailbox_id: uid } })
  assert.equal(await htmlOf(), undefined)
  await u.operate('setMailboxSignature', { body: { uids: [uid], signature: 'Ada' } })
  assert.equal(await htmlOf(), 'Ada')
  const both = await u.operate('setMailboxSignature', { body: { uids: [uid, unknownId], signature: 'Eve' } })
  assert.deepEqual([both.status, await htmlOf()], [404, 'Ada'])
  const removed = await u.at('DELETE', '/mailboxes/signature', { body: { uids: [uid] } })
  assert.equal(removed.status, 200, removed.text)
  assert.equal(await htmlOf(), undefined)
  assert.equal((await u.operate('setMailboxSignature', { body: { signature: 'x' } })).status, 400)
})

test('what is refused alike', async () => {
  const other = await u.tenant()
  const theirs = { key: other.key, workspace: other.workspaceId }
  const reading = await u.key({ access: 'read' })
  const url = `${pictures.url}/red.png`
  const calls: [id: string, body: object][] = [
    ['changeMailboxUsername', { new_username: 'eve' }],
    ['changeMailboxPassword', { new_password: 'Lamp-Otter-Meadow-47' }],
    ['updateMailboxProfilePicture', { url }],
    ['updateMailbox', { first_name: 'Eve' }],
    ['setMailboxSignature', { signature: 'Eve' }],
    ['deleteMailboxSignature', {}],
  ]
  for (const [id, body] of calls) {
    const whose = (wanted: string): object =>
      id === 'updateMailbox'
        ? { ...body, uid: wanted }
        : /Signature/.test(id)
          ? { ...body, uids: [wanted] }
          : body
    for (const wanted of [unknownId, 'none', `ada${made}@demo.test`]) {
      const { json } = await u.operate(id, { ids: [wanted], body: whose(wanted) })
      assert.deepEqual(json, { error: true, message: 'Mailbox not found' }, `${id} ${wanted}`)
    }
    const foreign = await u.operate(id, { ...theirs, ids: [uid], body: whose(uid) })
    assert.equal(foreign.status, 404, id)
    assert.equal((await u.unchecked(id, { key: reading, ids: [uid], body: whose(uid) })).status, 403, id)
    const unknown = await u.operate(id, { ids: [uid], body: { ...whose(uid), odd: 1 } })
    assert.deepEqual(unknown.json, { error: true, message: 'odd is not known here' }, id)
  }
  const unnamed = {
    update: {},
    username: { new_username: 'x' },
    password: { new_password: 'Lamp-Otter-Meadow-47' },
    'profile-picture': { url },
  }
  for (const [path, body] of Object.entries(unnamed)) {
    const { status, json } = await u.at('POST', `/mailboxes/${path}`, { body })
    assert.deepEqual([status, json], [400, { error: true, message: 'uid is required' }], path)
  }
  assert.deepEqual(await namesOf(), [`ada${made}@demo.test`, 'Ada', 'Quill', null])
})

test('a key of the mailbox itself changes its names and not its address', async () => {
  const key = await u.key({ mailboxId: uid, workspaceId: u.scope.workspaceId })
  assert.equal((await u.operate('updateMailbox', { key, body: { uid, first_name: 'Ann' } })).status, 200)
  const renamed = await u.unchecked('updateMailbox', { key, body: { uid, user_name: 'ann' } })
  assert.equal(renamed.status, 403)
})

test('every documented status was seen', async () => {
  await provokeUsual(u, paths)
  u.requireSeen(paths)
})
