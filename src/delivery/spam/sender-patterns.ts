/**
 * Patterns of sender lists: `ann@example.com` is one address, `@example.com` everyone at that domain and at none below
 * it, `.example.com` everyone at any domain below it. Of several that match, the most particular holds.
 */
import { parseDomainName } from '../../domains/names.ts'
import { parseAddress, withoutDetail } from '../../mailboxes/address.ts'

/** The canonical form of a pattern; null for what is none. */
export function canonicalPattern(text: string): string | null {
  const trimmed = text.trim()
  const [, mark, name = ''] = /^([@.])(.+)$/s.exec(trimmed) ?? []
  if (mark === undefined) {
    const address = parseAddress(trimmed)
    return address.ok ? address.value.address : null
  }
  const domain = mark === '.' && !name.includes('.') ? topDomain(name) : parseDomainName(name)
  return domain === null ? null : mark + domain
}

/** `.zip`: everyone under a top-level domain. */
function topDomain(name: string): string | null {
  const domain = parseDomainName(`x.${name}`)
  return domain === null ? null : domain.slice('x.'.length)
}

/** Every pattern that matches an address, the most particular first; none for what is no address. */
export function patternsFor(text: string): string[] {
  const parsed = parseAddress(text)
  if (!parsed.ok) return []
  const { address, domain } = parsed.value
  const base = withoutDetail(parsed.value)
  // Without its detail a local part may need quotes, and then be too long.
  const isBase = base !== null && parseAddress(base).ok
  const labels = domain.split('.')
  const above = labels.slice(1).map((_, index) => `.${labels.slice(index + 1).join('.')}`)
  return [address, ...(isBase ? [base] : []), `@${domain}`, ...above]
}
