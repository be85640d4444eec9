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
 */
export function dialectPaths(
  hosts: ReadonlyMap<string, DialectName>,
): (request: Pick<IncomingMessage, 'headers' | 'url'>) => string {
  return ({ headers, url = '/' }) => {
    const dialect = hosts.get(hostOf(headers.host))
    if (dialect === undefined || !url.startsWith('/') || url.startsWith('/.well-known/')) return url // RFC 8615: the host's own
    const prefix = prefixOf(dialect)
    return isUnder(url, prefix) ? url : prefix + url
  }
}

// RFC 9110 §7.2: the port may follow. An address in brackets is nobody's name here.
function hostOf(header: string | undefined): string {
  return header === undefined ? '' : header.replace(/:\d*$/, '').toLowerCase()
}
