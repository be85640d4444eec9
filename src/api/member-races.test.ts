/** Members who are changed and removed at the same moment, and on another node: nobody keeps what was taken away. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAuthenticator } from '../accounts/principals.ts'
import { type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { loggedIn, type TestMember } from '../testing/test-members.ts'
import { openSecondNode } from '../testing/test-node.ts'

let api: TestApi
let admin: TestMember
before(async () => {
  api = await startTestApi()
  admin = await loggedIn(api, 'admin')
})
after(() => api[Symbol.asyncDispose]())

const as = (who: TestMember, method: string, path: string, body?: unknown): Promise<Reply> =>
  api.call(method, path, { key: who.key, body })

test('two owners who remove each other at the same moment: one stays, every time', async () => {
  for (let round = 0; round < 5; round++) {
    const tenant = await api.tenant()
    const owners = [await loggedIn(api, 'owner', tenant), await loggedIn(api, 'owner', tenant)] as const
    const [first, second] = await Promise.all([
      as(
        owners[0],
        round % 2 ? 'PATCH' : 'DELETE',
        `/v1/members/${owners[1].id}`,
        round % 2 ? { role: 'viewer' } : undefined,
      ),
      as(owners[1], 'DELETE', `/v1/members/${owners[0].id}`),
    ])
    const done = [first, second].filter(({ status }) => status < 300)
    assert.equal(done.length, 1, `${first.text} ${second.text}`)
    const left = await api.platform.db
      .selectFrom('members')
      .select('role')
      .where('organization_id', '=', tenant.organizationId)
      .where('role', '=', 'owner')
      .execute()
    assert.equal(left.length, 1)
  }
})

test('an owner who is removed while removing others removes nobody', async () => {
  const tenant = await api.tenant()
  const [one, two, three] = [
    await loggedIn(api, 'owner', tenant),
    await loggedIn(api, 'owner', tenant),
    await loggedIn(api, 'owner', tenant),
  ] as const
  const replies = await Promise.all([
    as(one, 'DELETE', `/v1/members/${two.id}`),
    as(two, 'DELETE', `/v1/members/${three.id}`),
    as(three, 'DELETE', `/v1/members/${one.id}`),
  ])
  const { count } = await api.platform.db
    .selectFrom('members')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('organization_id', '=', tenant.organizationId)
    .executeTakeFirstOrThrow()
  const done = replies.filter(({ status }) => status === 204).length
  // Of three in a circle two can be right, if the second acts before it is removed: never all three.
  assert.equal(Number(count), 3 - done)
  assert.ok(done === 1 || done === 2, replies.map(({ text }) => text).join())
})

test('what a member loses is lost on every node', async () => {
  await using stack = new AsyncDisposableStack()
  const second = await openSecondNode(stack, api)
  const elsewhere = startAuthenticator(second)
  stack.defer(() => elsewhere.stop())
  const someone = await loggedIn(api, 'member')
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    const deadline = Date.now() + 5000
    while (!(await isSo()) && Date.now() < deadline) await sleep(10)
    assert.ok(await isSo())
  }
  assert.equal((await elsewhere.authenticate(someone.key))?.access, 'write')
  await as(admin, 'PATCH', `/v1/members/${someone.id}`, { role: 'viewer' })
  await until(async () => (await elsewhere.authenticate(someone.key))?.access === 'read')
  await as(admin, 'DELETE', `/v1/members/${someone.id}`)
  await until(async () => (await elsewhere.authenticate(someone.key)) === null)
})

test('logging in and being removed at the same moment leaves a refusal or a session that ends', async () => {
  for (let round = 0; round < 4; round++) {
    const { id, email, password } = await loggedIn(api, 'member')
    const [login, removal] = await Promise.all([
      api.call('POST', '/v1/sessions', { key: null, body: { email, password } }),
      as(admin, 'DELETE', `/v1/members/${id}`),
    ])
    assert.equal(removal.status, 204, removal.text)
    if (login.status === 201) {
      const me = await api.call('GET', '/v1/me', { key: textAt(login.json, 'token') })
      assert.equal(refusal(me), '401 unauthenticated')
    } else assert.equal(refusal(login), '401 login_failed')
  }
})
