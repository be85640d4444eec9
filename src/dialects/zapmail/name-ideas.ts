/** Names to look for: those around a name, and those that keywords make. */
import { parse } from 'tldts'
import { parseDomainName } from '../../domains/names.ts'
import { suffixOf } from '../../domains/orders/offers.ts'

const usualTlds = ['com', 'net', 'org']
const prefixes = ['get', 'try', 'go', 'use', 'hello', 'join']
const suffixes = ['hq', 'app', 'team', 'mail', 'now', 'hub']

/**
 * @param text a name, or a label without an ending.
 * @param tlds where to look; none: that of the name, or the usual ones.
 * @returns the name itself, null where the text has no ending; and names like it.
 */
export function relatedNames(
  text: string,
  tlds: readonly string[],
): { exact: string | null; others: string[] } {
  const name = text.includes('.') ? parseDomainName(text) : null
  const exact = name !== null && suffixOf(name) !== null ? name : null
  const { domainWithoutSuffix, publicSuffix } = parse(exact ?? '', { allowPrivateDomains: false })
  const label = exact === null ? labelOf(text) : (domainWithoutSuffix ?? '')
  const own = exact !== null && publicSuffix ? [publicSuffix] : usualTlds
  const endings = tlds.length > 0 ? tlds.map(withoutDot) : own
  if (label === '') return { exact, others: [] }
  const others = namesOf([label, ...around(label)], endings).filter((one) => one !== exact)
  return { exact, others }
}

/** Those of single keywords and of pairs, the shortest first; then with common words. */
export function suggestedNames(keywords: readonly string[], tlds: readonly string[]): string[] {
  const words = [...new Set(keywords.map(labelOf).filter((word) => word !== ''))]
  const pairs = words.flatMap((first) =>
    words.flatMap((second) => (first === second ? [] : [first + second])),
  )
  const endings = tlds.length > 0 ? tlds.map(withoutDot) : usualTlds
  return namesOf([...pairs, ...words, ...words.flatMap(around), ...pairs.flatMap(around)], endings)
}

function around(label: string): string[] {
  return [...prefixes.map((word) => word + label), ...suffixes.map((word) => label + word)]
}

function namesOf(labels: readonly string[], endings: readonly string[]): string[] {
  const names = labels.flatMap((label) =>
    endings.flatMap((ending) => parseDomainName(`${label}.${ending}`) ?? []),
  )
  return [...new Set<string>(names)]
}

const labelOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '')
    .replace(/^-+|-+$/g, '')
const withoutDot = (tld: string): string => tld.trim().toLowerCase().replace(/^\.+/, '')
