/** Behind a reverse proxy: whose word about a client's address is believed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApi } from '../testing/test-api.ts'

const attempts = 12 // more failed logins than one address has in a minute

for (const [name, proxies, isBelieved] of [
  ['a configured proxy is believed', '127.0.0.0/8', true],
  ['another address is not', '192.0.2.0/24', false],
  ['without the setting nobody is', null, false],
] as const) {
  test(name, async () => {
    await using api = await startTestApi({
      environment: proxies === null ? {} : { MAILWRIGHT_HTTP_PROXIES: proxies },
    })
    const logIn = async (client: string): Promise<number> => {
      const { status } = await api.call('POST', '/v1/sessions', {
        key: null,
        headers: { 'x-forwarded-for': client },
        body: { email: 'nobody@example.com', password: 'wrong password' },
      })
      return status
    }
    const first: number[] = []
    for (let n = 0; n < attempts; n++) first.push(await logIn('198.51.100.1'))
    assert.equal(first.at(-1), 429)
    assert.equal(await logIn('198.51.100.2'), isBelieved ? 401 : 429)
  })
}
