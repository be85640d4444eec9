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

/** What a dialect lets its clients write beside its paths. */
export type PathForms = {
  /** Some clients write a slash at the end of a path, and follow no redirect. */
  ignoresTrailingSlash: boolean
  /** A part of the vendor's base URL that may stand before its paths; empty: none. */
  basePath: string
}

/**
 * The path that a request is routed by: with the dialect's prefix where its host is one of a dialect, and without what
 * its clients may write beside it.
 * @param hosts in lower case, without ports.
 */
export function dialectPaths(
  hosts: ReadonlyMap<string, DialectName>,
  forms: ReadonlyMap<DialectName, PathForms>,
): (request: Pick<IncomingMessage, 'headers' | 'url'>) => string {
  return ({ headers, url = '/' }) => {
    const path = prefixed(url, hosts.get(hostOf(headers.host)))
    for (const [name, form] of forms) {
      if (isUnder(path, prefixOf(name))) return plain(path, prefixOf(name), form)
    }
    return path
  }
}

function plain(url: string, prefix: string, { ignoresTrailingSlash, basePath }: PathForms): string {
  const full = prefix + basePath
  const path = basePath !== '' && isUnder(url, full) ? prefix + url.slice(full.length) : url
  return ignoresTrailingSlash ? withoutLastSlash(path) : path
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
