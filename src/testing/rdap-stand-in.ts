/** A registry's RDAP server (RFC 9082) with a bootstrap file (RFC 9224) that leads to it. */
import assert from 'node:assert/strict'
import { type JsonReply, type JsonServer, startJsonServer } from './json-server.ts'

export type RdapStandIn = JsonServer & {
  bootstrapUrl: string
  registered: Set<string>
  /** In place of what is registered. */
  next: JsonReply[]
  /** The most questions that were open at once. */
  openMax: () => number
}

/** @param suffixes that it is the server of. */
export async function startRdapStandIn(suffixes: readonly string[]): Promise<RdapStandIn> {
  const registered = new Set<string>()
  const next: JsonReply[] = []
  let open = 0
  let openMax = 0
  let url = ''
  const server = await startJsonServer(async ({ method, path, headers }) => {
    assert.equal(method, 'GET')
    if (path === '/dns.json') {
      const services = [[suffixes, [`${url}/rdap/`]]]
      return { status: 200, body: { version: '1.0', publication: '2026-11-01T00:00:00Z', services } }
    }
    assert.equal(headers.accept, 'application/rdap+json')
    const [, name] = /^\/rdap\/domain\/([a-z0-9.-]+)$/.exec(path) ?? []
    assert.ok(name)
    openMax = Math.max(openMax, ++open)
    await new Promise((resolve) => setImmediate(resolve))
    open--
    const planned = next.shift()
    if (planned) return planned
    return registered.has(name)
      ? { status: 200, body: { objectClassName: 'domain', ldhName: name, status: ['active'] } }
      : { status: 404, body: { errorCode: 404 } }
  })
  url = server.url
  return Object.assign(server, { bootstrapUrl: `${url}/dns.json`, registered, next, openMax: () => openMax })
}
