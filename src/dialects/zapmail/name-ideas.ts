/** Names to look for: those around a name, and those that keywords make. */
import { parse } from 'tldts'
import { parseDomainName } from '../../domains/names.ts'
import { suffixOf } from '../../domains/orders/offers.ts'
import { suggestNames } from '../../domains/orders/suggestions.ts'

const usualTlds = ['com', 'net', 'org']

/**
 * @param text a name, or a word without an ending.
 * @param tlds where to look; none: where the name is, or the usual ones.
 * @returns the name itself, null where the text is none that can be registered; and names like it.
 */
export function relatedNames(
  text: string,
  tlds: readonly string[],
  limit: number,
): { exact: string | null; others: string[] } {
  const name = text.includes('.') ? parseDomainName(text) : null
  const exact = name !== null && suffixOf(name) !== null ? name : null
  const { domainWithoutSuffix, publicSuffix } = parse(exact ?? '', { allowPrivateDomains: false })
  const own = publicSuffix ? [publicSuffix] : usualTlds
  const endings = tlds.length > 0 ? tlds.map(withoutDot) : own
  const found = suggestNames(domainWithoutSuffix || text, endings, { offset: 0, limit: limit + 1 })
  return { exact, others: found.filter((one) => one !== exact).slice(0, limit) }
}

/** Of pairs of the words, then of single ones, each text having its turn. */
export function namesOfKeywords(
  keywords: readonly string[],
  tlds: readonly string[],
  limit: number,
): string[] {
  const words = [...new Set(keywords.map((word) => word.trim()))]
  const pairs = words.flatMap((first) =>
    words.filter((second) => second !== first).map((second) => first + second),
  )
  const texts = [...pairs, ...words].slice(0, limit)
  const endings = tlds.length > 0 ? tlds.map(withoutDot) : usualTlds
  const found = texts.map((text) => suggestNames(text, endings, { offset: 0, limit }))
  const turns = Array.from({ length: limit }, (_, at) => found.flatMap((names) => names[at] ?? []))
  return [...new Set<string>(turns.flat())].slice(0, limit)
}

const withoutDot = (tld: string): string => tld.trim().toLowerCase().replace(/^\.+/, '')
