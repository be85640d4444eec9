/** For tests of DNS hosts through the whole API: a platform whose Cloudflare is a stand-in, and connections to hosts. */
import assert from 'node:assert/strict'
import { type CloudflareStandIn, startCloudflare } from './cloudflare-stand-in.ts'
import type { PowerDns } from './powerdns.ts'
import { startTestApi, type TestApi, textAt } from './test-api.ts'

export type DnsHostsApi = AsyncDisposable & {
  api: TestApi
  cloudflare: CloudflareStandIn
  /** @returns the connection's id, as the next one does. */
  connectCloudflare(): Promise<string>
  connectPowerDns(server: PowerDns): Promise<string>
}

export async function startDnsHostsApi(): Promise<DnsHostsApi> {
  const cloudflare = await startCloudflare()
  const api = await startTestApi({
    environment: {
      MAILWRIGHT_HOSTNAME: 'mx.ours.example',
      MAILWRIGHT_CLOUDFLARE_API_URL: cloudflare.url,
      MAILWRIGHT_DNS_HOST_NETWORKS: '127.0.0.0/8',
    },
  })
  const connect = async (body: object): Promise<string> => {
    const made = await api.call('POST', '/v1/dns-hosts', { body })
    assert.equal(made.status, 201, made.text)
    return textAt(made.json, 'id')
  }
  return {
    api,
    cloudflare,
    connectCloudflare() {
      const settings = { account_id: cloudflare.accountId }
      return connect({ name: 'ours', kind: 'cloudflare', settings, secret: cloudflare.token })
    },
    connectPowerDns(server) {
      return connect({
        name: 'pdns',
        kind: 'powerdns',
        settings: { url: server.url },
        secret: server.apiKey,
      })
    },
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]()
      await cloudflare[Symbol.asyncDispose]()
    },
  }
}
