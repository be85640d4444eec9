/** Links of HTML: where they lead and what they show. One pass over the text, whatever it is. */
import { parse } from 'tldts'
import { htmlToText } from '../../messages/mime/html-text.ts'

/** `shown` is the text between the tags. */
export type Link = { target: string; shown: string }

const linksMax = 200
const hostsMax = 100
/** A tag or a link's text beyond this is not looked at. */
const tagCharsMax = 2_048
const shownCharsMax = 500

const hrefAttribute = /\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i

export function readLinks(html: string): Link[] {
  const links: Link[] = []
  const start = /<a\s/gi
  for (let found = start.exec(html); found !== null && links.length < linksMax; found = start.exec(html)) {
    const near = html.slice(found.index, found.index + tagCharsMax)
    const end = near.indexOf('>')
    if (end === -1) {
      start.lastIndex = found.index + near.length
      continue
    }
    const [, double, single, bare] = hrefAttribute.exec(near.slice(0, end)) ?? []
    const target = double ?? single ?? bare
    start.lastIndex = found.index + end + 1
    if (target === undefined) continue
    const after = html.slice(found.index + end + 1, found.index + end + 1 + shownCharsMax)
    const close = after.search(/<\/a\b/i)
    const shown = htmlToText(close === -1 ? after : after.slice(0, close), { quotes: true }).trim()
    links.push({ target: target.replaceAll('&amp;', '&'), shown })
  }
  return links
}

/** The host of a web address, in A-labels; null for what is none. */
export function hostOf(address: string): string | null {
  const found =
    /^\s*https?:\/\/[^\s]/i.test(address) && URL.canParse(address) ? new URL(address).hostname : ''
  return found === '' ? null : found.replace(/\.$/, '')
}

/** Web hosts that occur in texts, each once. */
export function readHosts(texts: readonly string[]): string[] {
  const hosts = new Set<string>()
  for (const text of texts) {
    for (const [address] of text.matchAll(/https?:\/\/[^\s<>"')\]]{1,300}/gi)) {
      const host = hostOf(address)
      if (host !== null) hosts.add(host)
      if (hosts.size >= hostsMax) return [...hosts]
    }
  }
  return [...hosts]
}

/** What a link shows, if it is a host that is not of the domain that it leads to: `shown -> real`. */
export function misnamedHost({ target, shown }: Link): string | null {
  const real = hostOf(target)
  const [, name] = /^(?:https?:\/\/)?((?:[a-z0-9-]{1,63}\.)+[a-z]{2,63})(?=[/:?#\s]|$)/i.exec(shown) ?? []
  if (real === null || name === undefined) return null
  const shownDomain = registrable(name)
  return shownDomain === null || shownDomain === registrable(real) ? null : `${name} -> ${real}`
}

/** The domain that someone registered (example.co.uk); null for a name under no registry, such as a file's. */
export function registrable(host: string): string | null {
  const { domain, isIcann } = parse(host)
  return isIcann === true ? domain : null
}
