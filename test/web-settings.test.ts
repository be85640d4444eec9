/** Settings of a domain by the API, as its zone and its web names show them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { endMtaStsWithdrawals, mtaStsPolicy } from '../src/domains/mta-sts.ts'
import { startNameServerOn } from '../src/testing/test-name-server.ts'
import { gist, policyPath, startWebServer, type WebServer } from '../src/testing/test-web-server.ts'

let web: WebServer
const stack = new AsyncDisposableStack()
before(async () => {
  web = await startWebServer(stack)
})
after(() => stack.disposeAsync())

test('a policy and its record come, change and go together, the way that senders can follow', async () => {
  await using more = new AsyncDisposableStack()
  const { platform } = web
  await web.connectDomain('policy.test')
  const { store } = more.use(await startNameServerOn(platform))
  await platform.db
    .updateTable('domains')
    .set({ dns_mode: 'served' })
    .where('name', '=', 'policy.test')
    .execute()
  const host = 'mta-sts.policy.test'
  const published = async (): Promise<string> => {
    const { status, body } = await web.ask('tls', { host, path: policyPath })
    return status === 200 ? (/^mode: (\w+)\r$/m.exec(body)?.[1] ?? body) : String(status)
  }
  const record = async (): Promise<readonly string[]> => {
    await zoneIsCurrent()
    const sets = store.content('policy.test')?.rrsets ?? []
    assert.equal(
      sets.some(({ name }) => name === host),
      sets.some(({ name }) => name === '_mta-sts.policy.test'),
    )
    return sets.find(({ name, type }) => type === 'TXT' && name === '_mta-sts.policy.test')?.values ?? []
  }
  const rowOf = () =>
    platform.db.selectFrom('domains').selectAll().where('name', '=', 'policy.test').executeTakeFirstOrThrow()
  const zoneIsCurrent = async (): Promise<void> => {
    const { zone_serial: serial } = await rowOf()
    const deadline = performance.now() + 10_000
    while (store.content('policy.test')?.serial !== serial) {
      assert.ok(performance.now() < deadline, 'the zone does not follow')
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const expected = async (): Promise<string[]> => {
    const policy = mtaStsPolicy(platform.config, await rowOf())
    return policy === null ? [] : [`v=STSv1; id=${policy.id}`]
  }
  const setMode = (mode: string) => web.api('PATCH', '/v1/domains/policy.test', { mta_sts_mode: mode })

  const seen = new Set<string>()
  for (const mode of ['testing', 'enforce', 'none'] as const) {
    await setMode(mode)
    assert.equal(await published(), mode)
    const values = await record()
    assert.deepEqual(values, await expected())
    assert.equal(values.length, 1)
    seen.add(values.join())
  }
  assert.equal(seen.size, 3)
  platform.clock.advance?.('P15D')
  assert.equal(await endMtaStsWithdrawals(platform), 1)
  assert.deepEqual([await published(), await record()], ['404', []])
})

test('a redirect is followed at once, and gone at once', async () => {
  const at = async () => gist(await web.ask('clear', { host: 'www.web.test', path: '/x?y' }))
  const settings = (redirect: unknown) => web.api('PATCH', '/v1/domains/web.test', { redirect })
  await settings({ url: 'https://shop.example/eu' })
  assert.equal(await at(), '301 https://shop.example/eu/x?y')
  await settings({ url: 'https://shop.example/eu', status: 302, keep_path: false })
  assert.equal(await at(), '302 https://shop.example/eu')
  await settings(null)
  assert.equal(await at(), '404 There is nothing here.')
})
