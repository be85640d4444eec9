/** What a request asks for: the host and the path, from whatever form they came in (RFC 9112 §3.2). */
import { type DomainName, parseDomainName } from '../../domains/names.ts'

export type WebTarget = {
  /** As it was named, in lower case and A-labels, without port and final dot; empty when none was. */
  host: string
  /** The same as a domain name; null for an address, for a single label, and for what is no name. */
  name: DomainName | null
  /** Begins with a slash, or is `*`. */
  path: string
  /** With its question mark; empty when there is none. */
  query: string
}

// RFC 9110 §7.2: uri-host and port. What beyond that a name may have is parseDomainName's to say.
const authority = /^(\[[0-9a-f:.]{2,45}\]|[^\s:@/?#[\]\\]{0,512})(?::\d{0,5})?$/iu
const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/is

/**
 * @param hosts every Host field of the request.
 * @returns null for what a server must refuse (§3.2): more than one Host, or one that is none.
 */
export function readTarget(url: string, hosts: readonly string[]): WebTarget | null {
  if (hosts.length > 1) return null
  const named = readHost(hosts[0] ?? '')
  if (named === null) return null
  if (url === '*') return { ...named, path: '*', query: '' }
  const absolute = absoluteForm.exec(url)
  if (absolute) {
    // §3.2.2: the target's own host counts, whatever Host says.
    const [, text = '', rest = ''] = absolute
    const host = text === '' ? null : readHost(text)
    return host && { ...host, ...readPath(rest.startsWith('/') ? rest : `/${rest}`) }
  }
  return url.startsWith('/') ? { ...named, ...readPath(url) } : null
}

function readHost(text: string): Pick<WebTarget, 'host' | 'name'> | null {
  // node:http gives bytes as characters; a client that sends a name as it is written sends UTF-8.
  const host = authority.exec(Buffer.from(text, 'latin1').toString('utf8'))?.[1]
  if (host === undefined) return null
  const name = parseDomainName(host)
  return { host: name ?? host.toLowerCase().replace(/\.$/, ''), name }
}

function readPath(text: string): Pick<WebTarget, 'path' | 'query'> {
  // A header field that repeats it has no room for other bytes.
  const plain = text
    .replace(/#.*$/s, '')
    .replace(/[^\x21-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`)
  const at = plain.indexOf('?')
  return at < 0
    ? { path: plain, query: '' }
    : { path: plain.slice(0, at), query: at === plain.length - 1 ? '' : plain.slice(at) }
}
