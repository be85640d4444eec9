/** The whole program with its web listeners, and some domains, for tests of what they answer. */
import assert from 'node:assert/strict'
import { touchZones } from '../domains/zones/serial.ts'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { type Server, startServer } from '../server.ts'
import { migratedDatabase, temporaryDirectory } from './test-database.ts'
import { testApiKey, testConfig } from './test-platform.ts'
import { askWeb, type WebQuestion, type WebReply } from './test-web.ts'

/** clear: port 80. tls: port 443. proxied: the HTTP listener. */
export type Way = 'clear' | 'tls' | 'proxied'

export type WebSettings = {
  redirect_url?: string | null
  redirect_status?: 301 | 302
  redirect_keeps_path?: boolean
  mta_sts_mode?: 'none' | 'testing' | 'enforce'
  state?: 'active' | 'suspended'
}

export type WebServer = {
  server: Server
  platform: Platform
  /** Over TLS any certificate is good. */
  ask(way: Way, question: Omit<WebQuestion, 'port'>): Promise<WebReply>
  api(method: string, path: string, body?: unknown): Promise<unknown>
  connectDomain(name: string): Promise<unknown>
  /** Changes a domain, with the event that tells every node of it. */
  configure(name: string, settings: WebSettings): Promise<void>
}

export const ownName = 'mx.platform.test'
export const policyPath = '/.well-known/mta-sts.txt'
export const configPath = '/mail/config-v1.1.xml'
export const wellKnownConfig = '/.well-known/autoconfig/mail/config-v1.1.xml'
export const discoverPath = '/autodiscover/autodiscover.xml'
export const nothing = '404 There is nothing here.'

/** Status, and the first line of the body or where a redirect leads. */
export function gist({ status, headers, body }: WebReply): string {
  return `${status} ${headers.location ?? body.split('\n')[0]?.trim()}`
}

/** Starts it with the domains web.test, other.test and xn--bcher-kva.test. It goes with the stack. */
export async function startWebServer(stack: AsyncDisposableStack): Promise<WebServer> {
  const config = testConfig({
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
    DATABASE_URL: await migratedDatabase(stack),
    MAILWRIGHT_ROLES: 'http,smtp,imap,pop3',
    MAILWRIGHT_HOSTNAME: ownName,
    MAILWRIGHT_PUBLIC_URL: 'https://app.platform.test/ui',
    MAILWRIGHT_HTTPS_PORT: '0',
    MAILWRIGHT_HTTP_CHALLENGE_PORT: '0',
    MAILWRIGHT_PUBLIC_PORTS: 'imaps=993,submissions=465,pop3=off',
  })
  const server = stack.use(await startServer(config))
  const { platform } = server
  const api = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${server.endpoints.http}${path}`, {
      method,
      headers: { authorization: `Bearer ${testApiKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    assert.ok(response.ok, `${method} ${path}: ${response.status}`)
    return await response.json()
  }
  const connectDomain = (name: string): Promise<unknown> => api('POST', '/v1/domains', { name })
  await connectDomain('web.test')
  await connectDomain('other.test')
  await connectDomain('xn--bcher-kva.test')
  return {
    server,
    platform,
    api,
    connectDomain,
    ask(way, question) {
      const { http, https, http_challenge: plain } = platform.ports
      const port = { clear: plain, tls: https, proxied: http }[way]
      return askWeb({ port, ...question, ...(way === 'tls' ? { ca: null } : {}) })
    },
    async configure(name, settings) {
      await transaction(platform.db, async (tx) => {
        const { id } = await tx
          .updateTable('domains')
          .set({ ...settings, updated_at: platform.clock.now() })
          .where('name', '=', name)
          .returning('id')
          .executeTakeFirstOrThrow()
        await touchZones(platform, tx, [id])
      })
    },
  }
}
