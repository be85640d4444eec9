/** Where a domain wants its reports: the tags of its record, and the addresses that may be written to. */
import { parse } from 'tldts'
import { parseAddress } from '../../mailboxes/address.ts'
import type { Dns } from '../../platform/dns.ts'

export type ReportRecord = {
  /** Where the record stands: the domain itself or its organizational domain (RFC 7489 §6.6.3). */
  domain: string
  tags: ReadonlyMap<string, string>
  /** May be written to; each once. */
  addresses: string[]
}

// A report goes to few addresses; a record that names many is not obeyed beyond (RFC 7489 §12.5).
const addressesMax = 5

/** @returns null when there is no record, or nobody who may be written to. @throws DnsFailure. */
export async function findDmarcRecord(dns: Dns, domain: string): Promise<ReportRecord | null> {
  for (const name of new Set([domain, organizationalDomain(domain)])) {
    const tags = await readRecord(dns, `_dmarc.${name}`, 'DMARC1')
    if (tags === null) continue
    const wanted = mailtoAddresses(tags.get('rua') ?? '')
    const allowed: string[] = []
    for (const address of wanted) if (await mayReport(dns, name, address)) allowed.push(address)
    return allowed.length === 0 ? null : { domain: name, tags, addresses: allowed }
  }
  return null
}

/** RFC 8460 §3. Only `mailto:` is served. */
export async function findTlsRptRecord(dns: Dns, domain: string): Promise<ReportRecord | null> {
  const tags = await readRecord(dns, `_smtp._tls.${domain}`, 'TLSRPTv1')
  const addresses = mailtoAddresses(tags?.get('rua') ?? '')
  return tags === null || addresses.length === 0 ? null : { domain, tags, addresses }
}

function organizationalDomain(domain: string): string {
  return parse(domain, { allowPrivateDomains: true }).domain ?? domain
}

/** One record of this version; with several there is none (RFC 7489 §6.6.3). */
async function readRecord(dns: Dns, name: string, version: string): Promise<Map<string, string> | null> {
  const texts = (await dns.lookup(name, 'TXT')).map((parts) => parts.join(''))
  const records = texts.map(tagsOf).filter((tags) => tags.get('v')?.toUpperCase() === version.toUpperCase())
  return records.length === 1 ? (records[0] ?? null) : null
}

function tagsOf(text: string): Map<string, string> {
  return new Map(
    text.split(';').flatMap((part) => {
      const at = part.indexOf('=')
      return at < 0 ? [] : [[part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()] as const]
    }),
  )
}

/** `mailto:a@b!10m,mailto:c@d`: the size after the exclamation mark is for reports far larger than ours. */
function mailtoAddresses(rua: string): string[] {
  const found = rua.split(',').flatMap((uri) => {
    const match = /^\s*mailto:([^!?\s]+)/i.exec(uri)
    const address = parseAddress(decode(match?.[1] ?? ''))
    return address.ok ? [address.value.address] : []
  })
  return [...new Set(found)].slice(0, addressesMax)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** RFC 7489 §7.1: who wants reports about a domain sent elsewhere must be wanted there. */
async function mayReport(dns: Dns, domain: string, address: string): Promise<boolean> {
  const host = address.slice(address.lastIndexOf('@') + 1)
  if (organizationalDomain(host) === organizationalDomain(domain)) return true
  return (await readRecord(dns, `${domain}._report._dmarc.${host}`, 'DMARC1')) !== null
}
