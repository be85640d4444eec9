/** Host names under which a dialect is reached without its prefix, so that a vendor's client needs only another host. */
import type { IncomingMessage } from 'node:http'
import type { DialectName } from '../platform/dialect-names.ts'

/** Where a dialect hangs: its vendor's own paths come behind it. */
export function prefixOf(name: DialectName): string {
  return `/${name}`
}

/** Whether a path is the prefix itself or below it. */
export function isUnder(url: string, prefix: string): boolean {
  return url.startsWith(prefix) && /^(?:$|[/?])/.test(url.slice(prefix.length))
}

/**
 * The path that a request is routed by: with the dialect's prefix where its host is one of a dialect.
 * @param hosts in lower case, without ports.
 * @param slashes the dialects that do not mind a slash at the end of a path: some clients write one, and follow no redirect.
 */
export function dialectPaths(
  hosts: ReadonlyMap<string, DialectName>,
  slashes: readonly DialectName[],
): (request: Pick<IncomingMessage, 'headers' | 'url'>) => string {
  return ({ headers, url = '/' }) => {
    const path = prefixed(url, hosts.get(hostOf(headers.host)))
    return slashes.some((name) => isUnder(path, prefixOf(name))) ? withoutLastSlash(path) : path
  }
}

function prefixed(url: string, dialect: DialectName | undefined): string {
  if (dialect === undefined || !url.startsWith('/') || url.startsWith('/.well-known/')) return url // RFC 8615: the host's own
  const prefix = prefixOf(dialect)
  return isUnder(url, prefix) ? url : prefix + url
}

function withoutLastSlash(url: string): string {
  const query = url.indexOf('?')
  const path = query === -1 ? url : url.slice(0, query)
  return path.endsWith('/') ? path.slice(0, -1) + url.slice(path.length) : url
}

// RFC 9110 §7.2: the port may follow. An address in brackets is nobody's name here.
function hostOf(header: string | undefined): string {
  return header === undefined ? '' : header.replace(/:\d*$/, '').toLowerCase()
}
